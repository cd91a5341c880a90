"""Django's directory of management commands."""
