"""What is connected in this process, as the rules look at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.registry.live import UNKNOWN, LiveConnection, LiveSignal, live_signals

from .own import is_own

__all__ = ["UNKNOWN", "LiveConnection", "LiveSignal", "by_function", "connections", "live_signals"]


def connections(signals: Sequence[LiveSignal]) -> Iterator[LiveConnection]:
    """The connections of all signals that are made, and whose receivers are there."""
    for signal in signals:
        yield from (each for each in signal.connections if not each.dead and not each.pending)


def by_function(signals: Sequence[LiveSignal]) -> Iterator[list[LiveConnection]]:
    """The connections of each of the project's own receivers."""
    found: dict[tuple[object, ...], list[LiveConnection]] = {}
    for connection in connections(signals):
        if is_own(connection.path):
            found.setdefault((connection.name, connection.path, connection.line), []).append(connection)
    yield from found.values()
