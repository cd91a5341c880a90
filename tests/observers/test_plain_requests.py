"""Requests that are counted together come to the same as those that are counted one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from django.dispatch import Signal
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_monitor import pipeline
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.observers import plain_requests
from signal_monitor.observers.requests import Requests
from signal_monitor.observers.totals import TotalsObserver
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.request_origin import RequestOrigin
from signal_monitor.records import Request
from signal_monitor.stores.base import Batch, Totals

plain, outer, inner, failing, awaited = Signal(), Signal(use_caching=True), Signal(), Signal(), Signal()


def quick(**kwargs: object) -> None:
    """Take no time."""


def other(**kwargs: object) -> None:
    """Take no time either."""


def saves(sender: object, **kwargs: object) -> None:
    """Send another signal."""
    inner.send(sender)


def raises(**kwargs: object) -> None:
    """Fail."""
    raise ValueError("no")


async def waits(**kwargs: object) -> None:
    """Let others run."""
    await asyncio.sleep(0)


def overlapping() -> None:
    """Send twice at the same time."""

    async def both() -> None:
        await asyncio.gather(awaited.asend(object), awaited.asend(object))

    asyncio.run(both())


SENDS: dict[str, Callable[[], object]] = {
    "plain": lambda: plain.send(object),
    "robust": lambda: plain.send_robust(object),
    "unheard": lambda: Signal().send(object),
    "nested": lambda: outer.send(object),
    "failing": lambda: failing.send_robust(object),
    "overlapping": overlapping,
}
ARE_PLAIN = {"plain", "robust", "unheard"}
Program = tuple[str, list[str], list[str]]
programs = st.tuples(
    st.sampled_from(["cart", "pay"]),
    st.lists(st.sampled_from(sorted(SENDS)), max_size=6),
    st.lists(st.sampled_from(sorted(SENDS)), max_size=3),
)
plain_programs = st.tuples(
    st.sampled_from(["cart", "pay"]),
    st.lists(st.sampled_from(sorted(ARE_PLAIN)), max_size=6),
    st.lists(st.sampled_from(sorted(ARE_PLAIN)), max_size=3),
)


@pytest.fixture(autouse=True, scope="module")
def _connected() -> Iterator[None]:
    pairs: list[tuple[Signal, Callable[..., Any]]] = [
        (plain, quick),
        (plain, other),
        (outer, saves),
        (outer, quick),
        (inner, other),
        (failing, raises),
        (awaited, waits),
    ]
    for signal, receiver in pairs:
        signal.connect(receiver)
    yield
    for signal, receiver in pairs:
        signal.disconnect(receiver)


def answered(program: Program, status: int = 200) -> RequestOrigin:
    """A request that has ended: what it sent before its response, and after it."""
    view, before, after = program
    origin = RequestOrigin(framed=True)
    origin.method, origin.view, origin.status = "GET", view, status
    begin_origin(origin)
    for name in before:
        SENDS[name]()
    origin.end()
    for name in after:
        SENDS[name]()
    end_origin(origin)
    origin.closed = True
    return origin


def plainly_answered(program: Program) -> RequestOrigin:
    """The same, of plain dispatches; once a second, the stack of one is captured, which is more than that."""
    tried = (answered(program) for _ in range(5))
    return next(origin for origin in tried if origin.plain_dispatches() is not None)


def one_by_one(origin: RequestOrigin) -> RequestOrigin:
    """The same request, of which nothing is known to be plain."""
    origin._looked, origin._plain = True, None
    return origin


def counted(origins: list[RequestOrigin]) -> dict[tuple[str, str, int], Totals]:
    observer = TotalsObserver(request_slow_ns=10**12)
    for origin in origins:
        observer.close(origin)
    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    return {(row.kind, row.key, row.window): row for row in batch.totals}


def assert_alike(together: dict[tuple[str, str, int], Totals], singly: dict[tuple[str, str, int], Totals]) -> None:
    assert together.keys() == singly.keys()
    for place, row in together.items():
        for name, value in asdict(row).items():
            same = getattr(singly[place], name)
            assert value == (pytest.approx(same, abs=100) if name.endswith("_ns") else same), (place, name)


@settings(deadline=None, max_examples=50)
@given(st.lists(programs, min_size=1, max_size=5))
def test_requests_come_to_the_same(several: list[Program]) -> None:
    origins = [answered(program) for program in several]
    together = counted(origins)
    assert_alike(together, counted([one_by_one(origin) for origin in origins]))


@settings(deadline=None, max_examples=50)
@given(st.lists(plain_programs, min_size=1, max_size=5))
def test_requests_of_plain_dispatches_are_counted_together(several: list[Program]) -> None:
    origins = [plainly_answered(program) for program in several]
    together = counted(origins)
    assert all(origin.sums is None for origin in origins)
    assert_alike(together, counted([one_by_one(origin) for origin in origins]))


@pytest.mark.parametrize("name", sorted(SENDS.keys() - ARE_PLAIN))
@pytest.mark.parametrize("is_after", [False, True])
def test_requests_of_other_dispatches_are_not(name: str, *, is_after: bool) -> None:
    program: Program = ("cart", ["plain", *([] if is_after else [name])], [name] if is_after else [])
    assert answered(program).plain_dispatches() is None


def test_a_request_that_has_failed_is_counted_as_such() -> None:
    rows = counted([answered(("cart", ["plain"], []), status) for status in (200, 503, 200)])
    view = next(row for (kind, _key, window), row in rows.items() if kind == "view" and not window)
    assert (view.count, view.failures, view.last_failure) == (3, 1, "answered with 503")


def test_minutes_are_kept_apart() -> None:
    origins = [plainly_answered(("cart", ["plain"], [])) for _ in range(3)]
    for origin, earlier in zip(origins, (0, 60, 60), strict=True):
        origin.started_at -= earlier
    rows = counted(origins)
    by_window = {window: row.count for (kind, _key, window), row in rows.items() if kind == "view" and window}
    assert sorted(by_window.values()) == [1, 2]
    assert_alike(rows, counted([one_by_one(origin) for origin in origins]))


def test_many_requests_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_requests, "MOST_HELD", 10)
    observer = TotalsObserver()
    for _ in range(20):
        observer.close(plainly_answered(("cart", ["plain"] * 4, [])))
        assert len(observer._held._held) <= 1
        assert observer._held._dispatches < 10


def test_a_sampled_request_has_its_sums() -> None:
    observer = Requests(ThisProcess(), None, 1)
    for _ in range(3):
        observer.close(answered(("cart", ["plain", "plain"], ["plain"])))
    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    stored: Request
    (stored,) = batch.requests
    assert (stored.dispatch_count, stored.receiver_count, stored.after_count) == (3, 6, 1)
    assert [row.calls for row in stored.receivers] == [3, 3]


def test_a_request_that_was_delivered_keeps_no_dispatch() -> None:
    pipeline.flush()
    origin = plainly_answered(("cart", ["plain"], []))
    record_queue.append(origin)
    pipeline.flush()
    assert not origin.records
    assert origin.plain_dispatches() is None
