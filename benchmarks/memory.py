"""Memory and rates in the child process: of queued dispatches, of senders, and of the queue before it drops."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc

from .process import Process, ProofError
from .scale_load import ScaleLoad
from .scale_rows import ROWS, Row

LEAST_RATE, MOST_RATE = 12_500, 1_600_000
STEP = 2**0.25
"""Each rate is this times the one before."""


def queued(process: Process, scenario: str, sends: int) -> dict[str, float]:
    """Bytes of a dispatch in the queue; the worker is stopped and not started again."""
    from signal_monitor import pipeline  # not all subjects have it
    from signal_monitor.instrumentation.record_queue import record_queue

    load = process.load(scenario)
    pipeline.stop()
    with contextlib.ExitStack() as stack:
        for tool in process.tools:
            stack.enter_context(tool.opened())
        load.run(sends)
        record_queue.clear()
        tracemalloc.start()
        before, _peak = tracemalloc.get_traced_memory()
        load.run(sends)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    if len(record_queue) != sends:
        raise ProofError(f"{len(record_queue)} dispatches are queued instead of {sends}")
    return {"bytes": held / sends}


def of_senders(row: str, *, observed: bool) -> dict[str, float]:
    """Bytes that are kept for each sender of a row; the worker is stopped and not started again."""
    if not observed:
        return {"bytes": ScaleLoad(ROWS[row]).kept_bytes(lambda: None)}
    from signal_monitor import pipeline
    from signal_monitor.instrumentation.record_queue import record_queue

    pipeline.stop()
    return {"bytes": ScaleLoad(ROWS[row]).kept_bytes(record_queue.clear)}


def undropped(process: Process, seconds: float) -> dict[str, float]:
    """The most dispatches a second of which none is dropped, and what is dropped where sends do not stop."""
    from signal_monitor.instrumentation.record_queue import record_queue

    load = ScaleLoad(Row("receivers", 1))
    kept = 0.0
    rate: float = LEAST_RATE
    load.hold(rate, seconds / 2)
    process.flush()
    while rate < MOST_RATE:
        before = record_queue.dropped
        reached = load.hold(rate, seconds)
        process.flush()
        if record_queue.dropped > before:
            break
        kept = max(kept, reached)
        if reached < rate * 0.9:
            break  # one thread cannot send faster
        rate *= STEP
    before = record_queue.dropped
    fastest = load.hold(MOST_RATE * 10, seconds)
    process.flush()
    dropped = (record_queue.dropped - before) / (fastest * seconds)
    return {"undropped": kept, "fastest": fastest, "dropped": dropped}
