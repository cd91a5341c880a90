"""Storage shared by all processes: they write their records to it, and the dashboard reads them."""

from __future__ import annotations

import atexit

from signal_monitor.conf import get_config
from signal_monitor.running_tests import keeps_to_itself
from signal_monitor.stores.base import Store, StoreError
from signal_monitor.stores.memory import MemoryStore
from signal_monitor.stores.retention import DEFAULT_BYTES
from signal_monitor.stores.sqlite import SqliteStore

__all__ = ["Store", "StoreError", "forget_store", "get_store", "open_store", "store_now"]

_stores: dict[tuple[str, int], Store] = {}
"""The store of this process, by where it is and its size in bytes."""


def open_store(url: str, max_bytes: int = DEFAULT_BYTES) -> Store:
    """A new store for a value of the STORE setting; nothing is opened before its first use."""
    return MemoryStore(max_bytes) if url == "memory" else SqliteStore(url, max_bytes)


def get_store() -> Store:
    """This process's store, as the settings have it now; that of a test run is in memory."""
    config = get_config()
    wanted = "memory" if keeps_to_itself() else config.STORE, config.store_bytes
    store = _stores.get(wanted)
    if store is None:
        for other in set(_stores) - {wanted}:
            _stores.pop(other).close()
        # Threads may come here at once: all get the store of the first.
        store = _stores.setdefault(wanted, open_store(*wanted))
    return store


def store_now(store: Store) -> Store:
    """A store, or the one in memory where this process has turned out to run tests since it was chosen."""
    return get_store() if not isinstance(store, MemoryStore) and keeps_to_itself() else store


def forget_store() -> None:
    """Close this process's store; the next ``get_store`` creates a new one."""
    while _stores:
        _, store = _stores.popitem()
        store.close()


# The pipeline registers after this import, and so writes at exit before the store is closed.
atexit.register(forget_store)
