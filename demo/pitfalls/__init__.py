"""Common mistakes with signals, each behind a button."""
