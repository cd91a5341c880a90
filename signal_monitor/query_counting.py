"""Counts the database queries of each receiver call, and the time they take.

The methods of Django's ``CursorWrapper`` that run a query are replaced. ``connection.execute_wrappers`` would do,
but it belongs to the application.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from django.db.backends.utils import CursorWrapper

from .instrumentation.hooks import hooks
from .instrumentation.record import note_query

METHODS = ("_execute", "_executemany")


class QueryCounting:
    """Replaces the methods, and restores them."""

    def __init__(self) -> None:
        self._replaced: dict[str, tuple[Any, Any]] = {}

    def start(self) -> None:
        """Count from now on; calling it again changes nothing."""
        if self._replaced:
            return
        hooks.counts_queries = True
        for name in METHODS:
            original = vars(CursorWrapper)[name]
            ours = _counting(original)
            self._replaced[name] = (original, ours)
            setattr(CursorWrapper, name, ours)

    def stop(self) -> None:
        """Stop counting; a method that another tool has wrapped since stays, and counts nothing."""
        hooks.counts_queries = False
        for name, (original, ours) in self._replaced.items():
            if vars(CursorWrapper)[name] is ours:
                setattr(CursorWrapper, name, original)
        self._replaced = {}


def _counting(original: Any) -> Any:  # noqa: ANN401 - a method of CursorWrapper
    def execute(self: CursorWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        started = perf_counter()
        try:
            return original(self, *args, **kwargs)
        finally:
            if hooks.counts_queries:
                note_query(perf_counter() - started)

    execute.__name__, execute.__qualname__ = original.__name__, original.__qualname__
    return execute


query_counting = QueryCounting()
