"""What is written to the store, whatever one of the observers does."""

from __future__ import annotations

import time

import pytest

from signal_monitor.errors import errors
from signal_monitor.observers.base import BaseObserver
from signal_monitor.observers.registry import RegistryObserver
from signal_monitor.observers.store_writer import StoreWriter
from signal_monitor.observers.totals import TotalsObserver
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Dispatch, Request
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import Batch, StoreError
from signal_monitor.stores.memory import MemoryStore

REQUEST = Request(id="r1", method="GET", path="/", started_at=1.0, duration_ns=1)


class Faulty(BaseObserver):
    def fill(self, batch: Batch) -> None:
        raise LookupError(f"nothing for {batch.process.id}")


class Requests(BaseObserver):
    def fill(self, batch: Batch) -> None:
        batch.requests = [REQUEST]


@pytest.mark.parametrize("sources", [[Faulty(), Requests()], [Requests(), Faulty()]], ids=["before", "after"])
def test_what_an_observer_cannot_hand_over_keeps_nothing_else_from_the_store(sources: list[BaseObserver]) -> None:
    store, process = MemoryStore(), ThisProcess()
    writer = StoreWriter(process, store, sources, tuple)
    process.dispatches, errors_before = 1, errors.count

    writer.flush()

    assert store.request("r1") == REQUEST
    assert errors.count == errors_before + 1
    assert errors.last is not None
    assert "Faulty.fill: LookupError" in errors.last


class SlowToFill(BaseObserver):
    """Sees what was stored when it is asked for the rest."""

    fills_last = True

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.seen = store, 0

    def fill(self, batch: Batch) -> None:
        self.seen = len(self.store.requests())
        batch.registry = Registry(batch.process.id, 1.0)


def test_what_takes_long_is_stored_after_the_rest() -> None:
    store, process = MemoryStore(), ThisProcess()
    slow = SlowToFill(store)
    writer = StoreWriter(process, store, [slow, Requests()], tuple)
    process.dispatches = 1

    writer.flush()

    assert slow.seen == 1
    assert store.registries() == [Registry(process.id, 1.0)]


def test_child_that_ends_soon_does_not_take_the_registry() -> None:
    """Thirty children that end at once would keep each other from storing what they have dispatched."""
    process = ThisProcess()
    observer, process.dispatches = RegistryObserver(process), 1
    batch = Batch(process.describe((), ()))
    observer.forget()

    observer.flush()
    observer.fill(batch)

    assert batch.registry is None


class BusyStore(MemoryStore):
    """Is locked by others at first."""

    refusals = 3

    def write(self, batch: Batch) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StoreError("database is locked")
        super().write(batch)


def test_store_that_is_busy_at_the_end_is_asked_again() -> None:
    store, process, totals = BusyStore(), ThisProcess(), TotalsObserver(None)
    writer = StoreWriter(process, store, [totals], tuple)
    for observer in (totals, writer):
        observer.observe(
            Dispatch(id="1", root_id="1", signal="s", sender="x", method="send", started_at=time.time(), duration_ns=5),
            None,
        )

    writer.flush()
    writer.end()

    assert [row.count for row in store.totals("signal")] == [1]
    assert [found.ended_at is not None for found in store.processes()] == [True]
