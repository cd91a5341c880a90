"""The management command ``signals``."""
