"""A movie search, in the request or in the task queue."""
