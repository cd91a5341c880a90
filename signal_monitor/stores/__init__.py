"""Where processes put what they saw and dashboards read it."""

from __future__ import annotations

import atexit

from signal_monitor.conf import get_config
from signal_monitor.stores.base import Store, StoreError
from signal_monitor.stores.memory import MemoryStore
from signal_monitor.stores.sqlite import SqliteStore

__all__ = ["Store", "StoreError", "forget_store", "get_store", "open_store"]

_stores: dict[str, Store] = {}


def open_store(url: str) -> Store:
    """A new store for a value of the STORE setting; nothing is opened before its first use."""
    return MemoryStore() if url == "memory" else SqliteStore(url)


def get_store() -> Store:
    """This process's store, as the STORE setting has it now."""
    url = get_config().STORE
    store = _stores.get(url)
    if store is None:
        for other in set(_stores) - {url}:
            _stores.pop(other).close()
        # Threads may come here at once: all get the store of the first.
        store = _stores.setdefault(url, open_store(url))
    return store


def forget_store() -> None:
    """Close this process's store; the next ``get_store`` makes a new one."""
    while _stores:
        _url, store = _stores.popitem()
        store.close()


# Whoever writes at exit registers after this import, and so has its turn before the store closes.
atexit.register(forget_store)
