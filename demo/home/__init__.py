"""The front page, and the commands that run the demo."""
