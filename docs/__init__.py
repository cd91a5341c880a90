"""The documentation, and what generates its tables; not part of the installed package."""
