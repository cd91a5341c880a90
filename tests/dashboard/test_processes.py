"""Processes and what they have counted."""

from __future__ import annotations

from signal_monitor.dashboard import processes
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import ORDER_PLACED, SHIPPED, process


def test_orphans_of_the_projects_own_signals_come_first(quiet_store: Store) -> None:
    djangos = {f"django.db.models.signals.signal_{number}": 1000 + number for number in range(20)}
    quiet_store.write(Batch(process(orphans={**djangos, SHIPPED: 1, ORDER_PLACED: 2})))

    names = list(processes.orphans(processes.processes(quiet_store)))
    assert names[:3] == [ORDER_PLACED, SHIPPED, "django.db.models.signals.signal_19"]
