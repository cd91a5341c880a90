"""What is told about finished dispatches: one file per observer, none of which knows another."""
