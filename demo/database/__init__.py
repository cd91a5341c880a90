"""The database engine of the demo site."""
