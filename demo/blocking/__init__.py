"""What the visitor waits for, and what a task queue can take off them."""
