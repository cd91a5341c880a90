"""SQLite in which each thread has a copy of the file in memory, so that threads do not wait for one another's locks."""
