"""What observing a ``send`` costs the sender: ``python -m benchmarks.overhead [--rounds 9] [--sends 20000]``.

CPU time of Django's own ``send`` and of ours, in turns within one process, with a second run of Django's as control:
where the control is not near 1, the machine is too busy to tell. Prints microseconds per send and the median ratio of
the rounds. Only the dispatching thread is measured; no worker runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from django.conf import settings
from django.dispatch import Signal

import signal_monitor
from signal_monitor.instrumentation.outbox import outbox


class Sender:
    """Who sends."""


def receivers(count: int) -> list[Any]:
    """So many receivers that do nothing."""

    def made() -> Any:  # noqa: ANN401
        def receiver(**kwargs: object) -> None:
            pass

        return receiver

    return [made() for _ in range(count)]


def per_send_us(signal: Signal, sends: int, *, observed: bool) -> float:
    """CPU microseconds of one send; proves that it was recorded, or was not."""
    (signal_monitor.instrument if observed else signal_monitor.uninstrument)()
    outbox.clear()
    outbox.size = sends
    started = time.process_time()
    for _ in range(sends):
        signal.send(Sender)
    took = time.process_time() - started
    expected = sends if observed and signal.receivers else 0
    assert len(outbox) == expected, f"{len(outbox)} dispatches were recorded instead of {expected}"  # noqa: S101
    return took / sends * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What observing a send costs the sender.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sends", type=int, default=20_000)
    options = parser.parse_args()
    settings.configure()
    print(f"{'receivers':>9} {'Django us':>10} {'ours us':>8} {'ratio':>6} {'control':>8}")
    for count in (0, 1, 3, 10):
        signal, kept = Signal(use_caching=True), receivers(count)
        for receiver in kept:
            signal.connect(receiver)
        rows = [
            [per_send_us(signal, options.sends, observed=observed) for observed in (False, True, False)]
            for _ in range(options.rounds)
        ]
        stock, ours = (statistics.median(row[column] for row in rows) for column in (0, 1))
        ratio = statistics.median(row[1] / row[0] for row in rows)
        control = statistics.median(row[2] / row[0] for row in rows)
        print(f"{count:>9} {stock:>10.2f} {ours:>8.2f} {ratio:>6.2f} {control:>8.2f}")


if __name__ == "__main__":
    main()
