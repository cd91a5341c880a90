"""A package whose receivers are never imported."""
