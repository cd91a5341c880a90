"""What is true of the memory store only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from signal_monitor.stores import open_store
from signal_monitor.stores.filters import DispatchFilter
from tests.stores.making import dispatch, ids, write


def test_location_is_this_process() -> None:
    assert open_store("memory").location == "this process"


def test_threads_may_write_and_read_at_once() -> None:
    store = open_store("memory")

    def work(number: int) -> int:
        write(store, dispatch(f"d{number}"))
        return len(store.dispatches(DispatchFilter(), limit=1_000))

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(work, range(400))) >= 1
    assert set(ids(store.dispatches(DispatchFilter(), limit=1_000))) == {f"d{number}" for number in range(400)}
