"""A package whose receivers nobody imports."""
