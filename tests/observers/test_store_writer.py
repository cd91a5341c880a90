"""What is written to the store, whatever one of the observers does."""

from __future__ import annotations

import pytest

from signal_monitor.errors import errors
from signal_monitor.observers.base import BaseObserver
from signal_monitor.observers.store_writer import StoreWriter
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Request
from signal_monitor.stores.base import Batch
from signal_monitor.stores.memory import MemoryStore

REQUEST = Request(id="r1", method="GET", path="/", started_at=1.0, duration_ns=1)


class Faulty(BaseObserver):
    def fill(self, batch: Batch) -> None:
        raise LookupError(f"nothing for {batch.process.id}")


class Requests(BaseObserver):
    def fill(self, batch: Batch) -> None:
        batch.requests = [REQUEST]


@pytest.mark.parametrize("before", [True, False], ids=["before the others", "after the others"])
def test_what_an_observer_cannot_hand_over_keeps_nothing_else_from_the_store(*, before: bool) -> None:
    store, process = MemoryStore(), ThisProcess()
    sources = [Faulty(), Requests()] if before else [Requests(), Faulty()]
    writer = StoreWriter(process, store, sources, tuple)
    process.dispatches, errors_before = 1, errors.count

    writer.flush()

    assert store.request("r1") == REQUEST
    assert errors.count == errors_before + 1
    assert errors.last is not None
    assert "Faulty.fill: LookupError" in errors.last
