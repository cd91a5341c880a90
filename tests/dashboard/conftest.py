"""A store of the tests' own, which the process that runs them does not write to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from signal_monitor.stores import Store, forget_store, get_store
from tests.dashboard.examples import fill


@pytest.fixture
def quiet_store(settings: Settings) -> Iterator[Store]:
    """An empty store in memory, open to everybody."""
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False, "ACCESS": "tests.dashboard.examples.everybody"}
    forget_store()
    yield get_store()
    forget_store()


@pytest.fixture
def shop(quiet_store: Store) -> Store:
    """A store with the records of a small shop."""
    fill(quiet_store)
    return quiet_store
