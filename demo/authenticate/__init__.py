"""People are invited to the academy, and accept."""
