"""How many queries a receiver runs, and how long they take.

One wrapper per database connection, with one look at the current receiver call per query: a wrapper that is entered for
each receiver costs ten times that.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from .instrumentation.places import note_query, standing_call
from .instrumentation.probes import probes

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def count_query(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: ANN401, FBT001 - Django's signature
    """Run a query, and note it with the receiver call it is run in; an execute wrapper."""
    call = standing_call()
    if call is None:
        return execute(sql, params, many, context)
    started_ns = perf_counter_ns()
    try:
        return execute(sql, params, many, context)
    finally:
        note_query(call, perf_counter_ns() - started_ns)


class QueryCounting:
    """Puts the wrapper on every connection: those that are open, and those that will be."""

    def __init__(self) -> None:
        self._original: Callable[[ConnectionHandler, str], BaseDatabaseWrapper] | None = None

    def start(self) -> None:
        """Count from now on; calling it again changes nothing."""
        if self._original is not None:
            return
        probes.counts_queries = True
        original = self._original = ConnectionHandler.create_connection

        def create_connection(handler: ConnectionHandler, alias: str) -> BaseDatabaseWrapper:
            connection = original(handler, alias)
            connection.execute_wrappers.append(count_query)
            return connection

        self._ours = create_connection
        ConnectionHandler.create_connection = create_connection  # type: ignore[method-assign, assignment]
        for connection in connections.all(initialized_only=True):
            if count_query not in connection.execute_wrappers:
                connection.execute_wrappers.append(count_query)

    def stop(self) -> None:
        """Count no more on this thread's connections and on new ones; others end with their thread."""
        if self._original is None:
            return
        if ConnectionHandler.create_connection is self._ours:
            ConnectionHandler.create_connection = self._original  # type: ignore[method-assign, assignment]
        self._original, probes.counts_queries = None, False
        for connection in connections.all(initialized_only=True):
            if count_query in connection.execute_wrappers:
                connection.execute_wrappers.remove(count_query)


query_counting = QueryCounting()
