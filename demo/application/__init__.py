"""A task that runs elsewhere, and the signal that tells of its end."""
