"""A task that runs in the worker, and the signal that it sends at its end."""
