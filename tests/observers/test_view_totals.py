"""Requests and tasks are counted when they end, whatever they sent and whether or not they are stored."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.dispatch import Signal
from django.test import Client, RequestFactory

from signal_monitor import pipeline
from signal_monitor.middleware import SignalMonitorMiddleware
from signal_monitor.observers import totals
from signal_monitor.observers.totals import OTHER, TotalsObserver
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.request_origin import RequestOrigin
from signal_monitor.records import SubjectKind
from signal_monitor.stores import get_store
from signal_monitor.stores.base import LIFE, Batch, Totals


def ended(view: str | None, status: int | None = 200, method: str = "GET", seconds: float = 0.01) -> RequestOrigin:
    """A request that has ended, and sent nothing."""
    origin = RequestOrigin(framed=True)
    origin.method, origin.view, origin.status = method, view, status
    origin.end()
    origin.ended = origin.started + seconds
    origin.closed = True
    return origin


def rows_of(observer: TotalsObserver, kind: SubjectKind = "view") -> dict[str, Totals]:
    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    return {row.key: row for row in batch.totals if row.kind == kind and row.window == LIFE}


def test_request_counts_by_method_and_view() -> None:
    observer = TotalsObserver(request_slow_ns=50_000_000)
    for origin in (ended("cart"), ended("cart", 500, seconds=0.1), ended("cart", method="POST"), ended(None, 404)):
        observer.close(origin)

    rows = rows_of(observer)
    assert set(rows) == {"GET cart", "POST cart", "GET (no view)"}
    cart = rows["GET cart"]
    assert (cart.count, cart.failures, cart.slow) == (2, 1, 1)
    assert cart.total_ns == cart.self_ns == pytest.approx(110_000_000, abs=10)
    assert sum(cart.buckets.values()) == 2
    assert cart.last_failure == "answered with 500"


def test_views_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MAX_SUBJECTS", 3)
    observer = TotalsObserver()
    for number in range(10):
        observer.close(ended(f"view{number}"))

    rows = rows_of(observer)
    assert len(rows) == 4
    assert rows[OTHER].count == 7


def test_methods_that_http_does_not_know_are_one() -> None:
    observer = TotalsObserver()
    for number in range(10):
        observer.close(ended("cart", method=f"HACK{number}"))

    assert {key: row.count for key, row in rows_of(observer).items()} == {"(other) cart": 10}


@pytest.fixture
def _counted() -> Iterator[None]:
    pipeline.flush()
    get_store().clear()
    yield
    pipeline.flush()


def count_of(key: str) -> int:
    pipeline.flush()
    return sum(row.count for row in get_store().totals("view", time.time() - 600, key))


@pytest.mark.django_db
@pytest.mark.usefixtures("_counted")
def test_request_that_is_never_finished_counts_when_the_next_one_begins(client: Client) -> None:
    """A server that does not close a response sends no ``request_finished``."""
    # The store was emptied; with one more request, it has what other tests have counted in this minute.
    SignalMonitorMiddleware(lambda _request: _response())(RequestFactory().get("/before/"))
    before = count_of("GET (no view)")
    request_started.send(sender="a server", environ={})
    SignalMonitorMiddleware(lambda _request: _response())(RequestFactory().get("/never-finished/"))
    request_started.send(sender="a server", environ={})
    SignalMonitorMiddleware(lambda _request: _response())(RequestFactory().get("/finished/"))
    request_finished.send(sender="a server")

    assert count_of("GET (no view)") - before == 2


shown = Signal()


def serve(**_kwargs: object) -> None:
    """A receiver for which a request waits."""


def clean_up(**_kwargs: object) -> None:
    """A receiver that runs after the response."""


@pytest.mark.django_db
@pytest.mark.usefixtures("_counted")
def test_receivers_count_the_calls_that_requests_waited_for() -> None:
    def view(_request: object) -> object:
        for _ in range(300):
            shown.send("view")
        return _response()

    shown.connect(serve)
    request_finished.connect(clean_up)
    try:
        request_started.send(sender="a server", environ={})
        SignalMonitorMiddleware(view)(RequestFactory().post("/waits/"))
        request_finished.send(sender="a server")
        shown.send("a command")
    finally:
        shown.disconnect(serve)
        request_finished.disconnect(clean_up)

    pipeline.flush()
    for since in (None, time.time() - 600):
        rows = {row.key.rpartition(".")[2]: row for row in get_store().totals("receiver", since)}
        assert (rows["serve"].count, rows["serve"].waited_count) == (301, 300)
        assert 0 < rows["serve"].waited_ns < rows["serve"].self_ns
        assert (rows["clean_up"].count, rows["clean_up"].waited_count) == (1, 0)


def _response() -> object:
    from django.http import HttpResponse

    return HttpResponse("done")
