"""What marketing makes of the other apps' signals, much of it in the task queue."""
