"""Both stores, each empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signal_monitor.stores import Store, open_store
from signal_monitor.stores.retention import DEFAULT_BYTES


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A STORE setting that names a file of the test's own."""
    return f"sqlite:///{tmp_path}/store/store.sqlite3"


@pytest.fixture
def max_bytes() -> int:
    """The size of the store; tests of full stores parametrize it."""
    return DEFAULT_BYTES


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, sqlite_url: str, max_bytes: int) -> Iterator[Store]:
    """Each of the stores in turn."""
    opened = open_store("memory" if request.param == "memory" else sqlite_url, max_bytes)
    yield opened
    opened.close()
