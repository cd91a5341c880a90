"""The same work in receivers, for which a visitor waits, and in a task queue."""
