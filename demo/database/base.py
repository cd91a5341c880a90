"""Django's SQLite backend, without the queries that Django makes to log queries.

With DEBUG, Django logs every query with its parameters, and asks SQLite to quote these: ``SELECT QUOTE(?)``. In traces,
about half of the queries would be these.
"""

from __future__ import annotations

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that logs queries only where a test or a page asks for them."""

    @property
    def queries_logged(self) -> bool:
        """Whether queries are logged."""
        return bool(self.force_debug_cursor)
