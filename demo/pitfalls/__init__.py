"""Classic mistakes with signals, to make on purpose."""
