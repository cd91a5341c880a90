"""django-signal-monitor, installed as by ``INSTALLED_APPS``, with its worker running."""

from __future__ import annotations

import os
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Any

from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.errors import errors
from signal_monitor.instrumentation import is_instrumented
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import orphan_counts
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.middleware import PATH
from signal_monitor.pipeline.process import observation_mode
from signal_monitor.stores import get_store
from signal_monitor.testing import capture_dispatches

from . import STORE, otel
from .base import Bounds, Tool, Work, exactly

QUEUE_SIZE = 1_000_000
"""Longer than any batch: records that are dropped cost nothing, and would improve the result."""
SPANS_PER_TRACE = "SPANS_PER_TRACE"
SENDS_OVER_BUDGET = 500
OWN = "benchmarks."
COUNTED = (OWN, "django.db.models.signals.post_save")


class Monitor(Tool):
    """With its defaults, except for the store and the length of the queue."""

    options: Mapping[str, object] = {}
    queue_size = QUEUE_SIZE

    def start(self) -> None:
        record_queue.resize(self.queue_size)

    def settings(self) -> Mapping[str, Any]:
        # The store in memory: the cost of SQLite per second does not depend on the number of dispatches.
        options = {"STORE": "memory", **self.options}
        return {"INSTALLED_APPS": ["signal_monitor"], "MIDDLEWARE": [PATH], "SIGNAL_MONITOR": options}

    def flush(self) -> None:
        pipeline.flush()

    def recorded(self) -> Mapping[str, int]:
        store = get_store()
        return {
            "dispatches": sum(row.count for row in store.totals("signal") if row.key.startswith(COUNTED)),
            "receiver calls": sum(row.count for row in store.totals("receiver") if row.key.startswith(OWN)),
            "orphans": sum(count for name, count in orphan_counts().items() if name.startswith(OWN)),
            "drops": record_queue.dropped,
            "faults": errors.count,
        }

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {
            "dispatches": exactly(work.dispatches),
            "receiver calls": exactly(work.calls),
            "orphans": exactly(work.orphans),
            "drops": exactly(0),
            "faults": exactly(0),
        }

    def check(self) -> None:
        if not is_instrumented():
            raise AssertionError("signals are not instrumented")


class TracedMonitor(Monitor):
    """With all spans, under a sampled parent."""

    options = {SPANS_PER_TRACE: None}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {**super().expected(work), "spans": exactly(work.dispatches + work.calls)}

    def check(self) -> None:
        super().check()
        otel.check_parents(self.flush)


class BudgetedMonitor(Monitor):
    """With the default budget of spans, which a batch of sends under one parent exceeds at once."""

    def check(self) -> None:
        super().check()
        signal, before = Signal(), otel.exported()
        signal.connect(_take_no_time)
        with otel.parent():
            for _ in range(SENDS_OVER_BUDGET):
                signal.send(BudgetedMonitor)
        self.flush()
        spans = otel.exported() - before
        if not 0 < spans < SENDS_OVER_BUDGET:
            raise AssertionError(f"{SENDS_OVER_BUDGET} dispatches under one parent gave {spans} spans")


def _take_no_time(**kwargs: object) -> None:
    pass


class StoringMonitor(Monitor):
    """With the SQLite store, in a temporary file, or in the one that the environment names."""

    def settings(self) -> Mapping[str, Any]:
        store = os.environ.get(STORE)
        if store is None:
            self._directory = TemporaryDirectory(prefix="benchmarks")  # removed with this object
            store = f"sqlite:///{self._directory.name}/signals.sqlite3"
        merged = super().settings()
        return {**merged, "SIGNAL_MONITOR": {**merged["SIGNAL_MONITOR"], "STORE": store}}

    def check(self) -> None:
        super().check()
        if "sqlite" not in get_store().location.lower():
            raise AssertionError(f"the store is {get_store().location}")


class ShortMonitor(Monitor):
    """With the queue that it has in production."""

    def start(self) -> None:
        """Leave the queue alone."""


class ShortUnlimitedMonitor(ShortMonitor):
    """The same, with a worker that may take a whole core."""

    options = {"WORKER_CPU_PERCENT": 100}


class UnplannedMonitor(Monitor):
    """Without plans, as on a Django version that is not known."""

    def start(self) -> None:
        super().start()
        hooks.uses_plans = False

    def check(self) -> None:
        super().check()
        if not observation_mode().startswith("without plans"):
            raise AssertionError(f"sends are observed {observation_mode()}")


class UnplannedTracedMonitor(UnplannedMonitor, TracedMonitor):
    """Without plans, with spans."""


class CountingMonitor(Monitor):
    """With the queries of each receiver counted."""

    options = {"DATABASE_WORK": True}
    counted: int | None = 1

    def check(self) -> None:
        super().check()
        from benchmarks.shop.models import Item  # models can be imported after django.setup()

        def query(**kwargs: object) -> None:
            Item.objects.exists()

        signal = Signal()
        signal.connect(query)
        with capture_dispatches() as capture:
            signal.send(CountingMonitor)
        queries = capture.dispatches[0].calls[0].queries
        if queries != self.counted:
            raise AssertionError(f"{queries} queries were counted instead of {self.counted}")


class UncountingMonitor(CountingMonitor):
    """Without the queries counted."""

    options = {"DATABASE_WORK": False}
    counted = None
