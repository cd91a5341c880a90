"""Python imports this first in every process of the run, however it was started, and so all are instrumented."""

from __future__ import annotations

import os

if path := os.environ.get("CONFORMANCE_INSTRUMENT"):
    from signal_monitor.instrumentation import instrument
    from signal_monitor.instrumentation.hooks import hooks
    from signal_monitor.instrumentation.record_queue import record_queue

    if path == "no-plans":
        hooks.uses_plans = False
    instrument()
    # A forked process starts with a copy of what its parent observed: each is to count its own.
    os.register_at_fork(after_in_child=record_queue.clear)
