"""Sign-up, login and profiles."""
