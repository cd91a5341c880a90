"""What is connected in this process, as the rules look at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.registry.live import UNKNOWN, LiveConnection, LiveSignal, live_signals

__all__ = ["UNKNOWN", "LiveConnection", "LiveSignal", "connections", "live_signals"]


def connections(signals: Sequence[LiveSignal]) -> Iterator[LiveConnection]:
    """The connections of all signals that are made, and whose receivers are there."""
    for signal in signals:
        yield from (each for each in signal.connections if not each.dead and not each.pending)
