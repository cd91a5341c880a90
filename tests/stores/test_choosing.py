"""Which store a process gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from signal_monitor.apps import restart
from signal_monitor.stores import forget_store, get_store, open_store
from signal_monitor.stores.memory import MemoryStore
from signal_monitor.stores.sqlite import SqliteStore
from tests.stores.making import dispatch, write


@pytest.fixture(autouse=True)
def _no_store() -> Iterator[None]:
    forget_store()
    yield
    restart()  # with a store that the pipeline writes to, too


def choose(settings: Settings, url: str) -> None:
    settings.SIGNAL_MONITOR = {"STORE": url}


def test_same_store_each_time(settings: Settings) -> None:
    choose(settings, "memory")
    store = get_store()
    assert isinstance(store, MemoryStore)
    assert get_store() is store


def test_other_store_when_the_setting_changes(settings: Settings, sqlite_url: str, tmp_path: Path) -> None:
    choose(settings, "memory")
    get_store()
    choose(settings, sqlite_url)
    store = get_store()
    assert isinstance(store, SqliteStore)
    assert store.location == f"{tmp_path}/store/store.sqlite3"


def test_nothing_is_made_before_the_first_use(sqlite_url: str, tmp_path: Path) -> None:
    with closing(open_store(sqlite_url)) as store:
        assert list(tmp_path.iterdir()) == []
        write(store, dispatch())
        assert Path(store.location).is_file()


def test_forget_store_gives_a_new_one(settings: Settings) -> None:
    choose(settings, "memory")
    write(get_store(), dispatch())
    forget_store()
    assert get_store().dispatch("d1") is None
