"""Database work: the queries and transactions of each receiver call, dispatch and request.

Nothing is replaced while it is off.
"""

from __future__ import annotations

from .observation import database_work

__all__ = ["database_work"]
