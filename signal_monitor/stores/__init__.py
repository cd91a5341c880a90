"""Storage shared by all processes: they write their records to it, and the dashboard reads them."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading

from signal_monitor.conf import get_config
from signal_monitor.pipeline import stop_before_others_at_exit
from signal_monitor.running_tests import keeps_to_itself
from signal_monitor.stores.base import Store, StoreError
from signal_monitor.stores.memory import MemoryStore
from signal_monitor.stores.retention import DEFAULT_BYTES
from signal_monitor.stores.sqlite import SqliteStore

__all__ = ["Store", "StoreError", "forget_store", "get_store", "open_store", "store_now"]

_stores: dict[tuple[str, int], Store] = {}
"""The store of this process, by where it is and its size in bytes."""


class _Access:
    """One thread at a time looks for the store: one that reads replaced settings must not close the newest store."""

    lock = threading.RLock()


def _unlock_in_child() -> None:
    _Access.lock = threading.RLock()


def open_store(url: str, max_bytes: int = DEFAULT_BYTES) -> Store:
    """A new store for a value of the STORE setting; nothing is opened before its first use."""
    return MemoryStore(max_bytes) if url == "memory" else SqliteStore(url, max_bytes)


def get_store() -> Store:
    """This process's store, as the settings have it now; that of a test run is in memory."""
    with _Access.lock:
        config = get_config()
        wanted = "memory" if keeps_to_itself() else config.STORE, config.store_bytes
        store = _stores.get(wanted)
        if store is None:
            _close_all()
            store = _stores[wanted] = open_store(*wanted)
        return store


def store_now(store: Store) -> Store:
    """A store, or the one in memory where this process has turned out to run tests since it was chosen."""
    return get_store() if not isinstance(store, MemoryStore) and keeps_to_itself() else store


def forget_store() -> None:
    """Close this process's store; the next ``get_store`` creates a new one."""
    with _Access.lock:
        _close_all()


def _close_all() -> None:
    while _stores:
        _, store = _stores.popitem()
        store.close()


atexit.register(forget_store)
stop_before_others_at_exit()  # the pipeline writes at exit, before the store is closed
with contextlib.suppress(AttributeError):  # not on every platform
    os.register_at_fork(after_in_child=_unlock_in_child)
