"""The store of a host: one SQLite file that all processes of the project write to and read from."""

from __future__ import annotations

from .store import SqliteStore

__all__ = ["SqliteStore"]
