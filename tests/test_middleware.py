"""The ledger of a request, its Server-Timing header and its log line; under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path, reverse
from opentelemetry import trace
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.instrumentation.current import MAX_PENDING, Root, current_origin
from signal_monitor.instrumentation.info import DispatchInfo, signal_info
from signal_monitor.instrumentation.record import new_record, set_times
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.middleware import SignalMonitorMiddleware, close_request
from signal_monitor.pipeline.receiver_calls import ReceiverCalls
from signal_monitor.pipeline.request_origin import RequestOrigin, RequestTotals, add_up
from signal_monitor.records import Request
from signal_monitor.request_texts import MAX_BYTES, MAX_ENTRIES, server_timing
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.testing import Capture, capture_dispatches
from signal_monitor.urls import app_name as dashboard_name
from tests.urls import urlpatterns as test_urlpatterns

work = Signal()


def slow(**kwargs: Any) -> None:
    time.sleep(0.02)


def failing(**kwargs: Any) -> None:
    raise ValueError("no")


def around(sender: Any, **kwargs: Any) -> None:
    time.sleep(0.002)


def working(request: HttpRequest) -> HttpResponse:
    work.send_robust(sender=working)
    response = HttpResponse("done")
    if "cached" in request.GET:
        response.headers["Server-Timing"] = "cache;dur=1"
    if "user" in request.GET:
        assert request.user.is_authenticated
    return response


async def aworking(request: HttpRequest) -> HttpResponse:
    await asyncio.gather(work.asend_robust(sender=aworking), work.asend_robust(sender=aworking))
    return HttpResponse("done")


urlpatterns = [
    path("working/", working, name="working"),
    path("aworking/", aworking),
    path("secret/<str:token>/", lambda request, token: HttpResponse("done")),
    path("nesting/", lambda request: nesting(request)),
    path("relaying/", lambda request: relaying(request)),
    path("breaking/", lambda request: breaking(request)),
    *test_urlpatterns,
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _receivers() -> Iterator[None]:
    for receiver in (slow, failing):
        work.connect(receiver)
    yield
    for receiver in (slow, failing):
        work.disconnect(receiver)


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_dispatches() as capture:
        get_store().clear()
        yield capture


def requests() -> list[Request]:
    pipeline.flush()
    return get_store().requests()


def test_request_is_recorded_with_what_it_dispatched(client: Client, captured: Capture) -> None:
    client.get("/working/?x=1")

    (request,) = requests()
    assert (request.method, request.path, request.status, request.view) == ("GET", "/working/", 200, "working")
    (dispatch,) = captured.of(f"{__name__}.slow")
    assert (dispatch.origin_kind, dispatch.origin_id) == ("request", request.id)
    assert request.failed_count == 1
    assert request.dispatch_count == len([item for item in captured.dispatches if item.origin_id == request.id])
    assert 20_000_000 <= request.signal_ns <= request.duration_ns
    assert 0 < request.receivers_share <= 1


def test_signals_around_the_middleware_belong_to_the_request(client: Client, captured: Capture) -> None:
    request_started.connect(around)
    request_finished.connect(around)
    try:
        client.get("/working/")
    finally:
        request_started.disconnect(around)
        request_finished.disconnect(around)

    (request,) = requests()
    framing = captured.of(f"{__name__}.around")
    assert [item.signal.rpartition(".")[2] for item in framing] == ["request_started", "request_finished"]
    assert {item.origin_id for item in framing} == {request.id}
    assert current_origin() is None


def test_dispatch_inside_a_receiver_of_request_started_is_its_child(client: Client, captured: Capture) -> None:
    def nesting_receiver(**kwargs: Any) -> None:
        work.send_robust(sender="inside")

    request_started.connect(nesting_receiver)
    try:
        client.get("/secret/x/")
    finally:
        request_started.disconnect(nesting_receiver)

    (inside,) = [item for item in captured.dispatches if item.sender == "inside"]
    assert inside.depth == 1


async def test_concurrent_requests_under_asgi_are_kept_apart(captured: Capture) -> None:
    await asyncio.gather(*(AsyncClient().get("/aworking/") for _ in range(3)))

    found = {item.origin_id for item in captured.of(f"{__name__}.slow")}
    assert len(found) == 3
    assert {request.id for request in requests()} == found
    for request in requests():
        assert request.signal_ns <= request.duration_ns  # concurrent dispatches are not added up
        assert request.failed_count == 2


def test_own_pages_are_left_unobserved(admin_client: Client, captured: Capture) -> None:
    request_started.connect(around)
    try:
        response = admin_client.get(reverse(f"{dashboard_name}:overview"))
    finally:
        request_started.disconnect(around)

    assert response.status_code == 200
    assert captured.dispatches == []
    assert requests() == []


def test_own_page_asked_for_by_hand_leaves_nothing_behind(captured: Capture) -> None:
    SignalMonitorMiddleware(working)(RequestFactory().get(reverse(f"{dashboard_name}:overview")))

    assert current_origin() is None
    work.send_robust(sender="after")
    assert [item.sender for item in captured.dispatches] == ["after"]


def nesting(request: HttpRequest) -> HttpResponse:
    Client().get("/working/")
    work.send_robust(sender=nesting)
    return HttpResponse("done")


def test_request_made_inside_a_view_is_one_of_its_own(client: Client, captured: Capture) -> None:
    client.get("/nesting/")

    by_path = {request.path: request.id for request in requests()}
    assert set(by_path) == {"/nesting/", "/working/"}
    senders = {item.sender.rpartition(".")[2]: item.origin_id for item in captured.of(f"{__name__}.slow")}
    assert senders == {"working": by_path["/working/"], "nesting": by_path["/nesting/"]}


def test_request_that_nobody_claims_holds_nothing_back(captured: Capture) -> None:
    """A loop that sends ``request_started`` to renew its connections, and never ``request_finished``."""
    request_started.send(sender="loop")
    for _ in range(MAX_PENDING):
        work.send_robust(sender="loop")
    close_request()

    assert len(captured.of(f"{__name__}.slow")) == MAX_PENDING
    assert current_origin() is None


def test_dispatch_after_the_request_is_attributed_and_not_added(client: Client, captured: Capture) -> None:
    origins: list[Any] = []

    def remember(**kwargs: Any) -> None:
        origins.append(current_origin())

    request_finished.connect(remember)
    try:
        client.get("/working/")
    finally:
        request_finished.disconnect(remember)
    begin_origin(origins[0])
    work.send_robust(sender="afterwards")
    end_origin(origins[0])

    (request,) = requests()
    (late,) = [item for item in captured.dispatches if item.sender == "afterwards"]
    assert late.origin_id == request.id
    assert not origins[0].records


def test_request_made_by_hand_is_recorded_too(captured: Capture, settings: Settings) -> None:
    settings.DEBUG = True
    SignalMonitorMiddleware(working)(RequestFactory().get("/by-hand/"))

    (request,) = requests()
    assert request.path == "/by-hand/"
    assert current_origin() is None


def test_tokens_in_paths_are_not_kept(client: Client, settings: Settings, captured: Capture) -> None:
    client.get("/secret/hunter2/")
    settings.DEBUG = True
    client.get("/secret/hunter2/")
    client.get("/no-such-page/")

    assert {request.path for request in requests()} == {"/secret/<str:token>/", "/secret/hunter2/", "/no-such-page/"}


def test_texts_of_errors_can_be_left_out(client: Client, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ERROR_MESSAGES": False}
    with capture_dispatches() as captured:
        client.get("/working/")

    (record,) = captured.of(f"{__name__}.failing")
    (failure,) = [call.failure for call in record.calls if call.failure is not None]
    assert (failure.type, failure.message) == ("ValueError", None)
    settings.SIGNAL_MONITOR = {"STORE": "memory"}


def test_files_of_the_development_server_are_left_out(captured: Capture) -> None:
    request_started.connect(around)
    try:
        request_started.send(sender=StaticFilesHandler)
        close_request()
    finally:
        request_started.disconnect(around)

    assert captured.dispatches == []


def test_view_that_raises_is_recorded(captured: Capture, settings: Settings) -> None:
    settings.DEBUG = True

    def raising(request: HttpRequest) -> HttpResponse:
        raise KeyError

    with pytest.raises(KeyError):
        SignalMonitorMiddleware(raising)(RequestFactory().get("/raising/"))

    (request,) = requests()
    assert (request.path, request.status) == ("/raising/", None)


ENTRY = re.compile(r'[a-z0-9-]+;dur=[0-9.]+;desc="(?:[^"\\]|\\.)*"')


def test_server_timing_in_debug(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    header = client.get("/working/").headers["Server-Timing"]

    total, *entries = ENTRY.findall(header)
    assert total.startswith("signals;dur=")
    receivers = [entry for entry in entries if entry.startswith("receiver-")]
    assert f'desc="{__name__}.slow"' in receivers[0]
    assert re.sub(ENTRY, "", header).strip(", ") == ""


def test_server_timing_is_appended_to_what_others_set(client: Client, settings: Settings) -> None:
    settings.DEBUG = True

    assert client.get("/working/?cached").headers["Server-Timing"].startswith("cache;dur=1, signals;dur=")


def test_server_timing_is_for_staff_that_the_view_has_loaded(client: Client, admin_user: User) -> None:
    assert "Server-Timing" not in client.get("/working/").headers

    client.force_login(admin_user)
    assert "Server-Timing" not in client.get("/working/").headers  # nobody has evaluated request.user
    assert "Server-Timing" in client.get("/working/?user").headers

    admin_user.is_staff = False
    admin_user.save()
    assert "Server-Timing" not in client.get("/working/?user").headers


def test_server_timing_can_be_switched(client: Client, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SERVER_TIMING": True}
    assert "Server-Timing" in client.get("/working/").headers

    settings.DEBUG = True
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SERVER_TIMING": False}
    assert "Server-Timing" not in client.get("/working/").headers


def test_server_timing_is_short_and_quoted() -> None:
    names = [f'shop.receivers.{"x" * 60}."quoted\\{number}é\n"' for number in range(40)]
    calls = {name: ReceiverCalls(2, 0.005, 0.005) for name in names}
    value = server_timing(RequestTotals(1, {"thread": 1}, 3, 40, 0, 0, 0, 0, 0, 3, calls))

    entries = ENTRY.findall(value)
    assert 1 < len(entries) <= MAX_ENTRIES
    assert len(value.encode()) <= MAX_BYTES
    assert ", ".join(entries) == value
    assert value.isascii()
    assert "\n" not in value


def test_slow_request_is_one_line_in_debug(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "REQUEST_SLOW_MS": 10}
    with caplog.at_level(logging.INFO, "signal_monitor.requests"):
        client.get("/working/")
        assert "signal_monitor.requests" not in {record.name for record in caplog.records}
        settings.DEBUG = True
        client.get("/working/")

    (record,) = [record for record in caplog.records if record.name == "signal_monitor.requests"]
    assert re.match(r"GET /working/ took \d+ ms, \d+ ms of it in receivers \(\d+ dispatches", record.getMessage())
    assert f"{__name__}.slow" in record.getMessage()


def test_no_request_is_slow_without_a_limit(client: Client, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "REQUEST_SLOW_MS": 0, "SAMPLE_PER_SECOND": 0, "SLOW_MS": 10_000}
    client.get("/send/?ms=5")
    assert requests() == []

    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "REQUEST_SLOW_MS": 1}
    client.get("/send/?ms=5")
    assert len(requests()) == 1


class Relayed(Signal):
    """A signal with a send method of its own, which ends in Django's."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)


relayed = Relayed()


def relaying(request: HttpRequest) -> HttpResponse:
    def outer(**kwargs: Any) -> None:
        relayed.send("inner")

    signal = Signal()
    signal.connect(outer, weak=False)
    signal.send("outer")
    return HttpResponse("done")


@pytest.mark.usefixtures("captured")
def test_send_methods_of_a_subclass_are_counted_once(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    relayed.connect(slow)
    header = client.get("/relaying/").headers["Server-Timing"]
    relayed.disconnect(slow)

    (request,) = requests()
    told = {name: float(ms) for ms, name in re.findall(r'dur=([0-9.]+);desc="[^"]*?([a-z_]+)"', header)}
    assert told["outer"] < told["slow"]
    own = {row.receiver.rpartition(".")[2]: row.self_ns / 1e6 for row in request.receivers}
    assert (own["outer"], own["slow"]) == pytest.approx((told["outer"], told["slow"]), abs=0.01)
    assert request.dispatch_count - request.after_count == 3  # request_started and these two


def breaking(request: HttpRequest) -> HttpResponse:
    raise LookupError("broken")


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("heard", [False, True])
def test_exception_of_a_request_is_named_whoever_hears_of_it(client: Client, heard: bool) -> None:  # noqa: FBT001
    client.raise_request_exception = False
    if heard:
        got_request_exception.connect(around)
    client.get("/breaking/")
    got_request_exception.disconnect(around)

    (request,) = requests()
    assert (request.status, request.failed, request.failed_count) == (500, True, 0)
    assert request.failure is not None
    assert request.failure.summary == "LookupError: broken"


def test_exception_that_leaves_the_middleware_is_named(captured: Capture) -> None:
    with pytest.raises(LookupError):
        SignalMonitorMiddleware(breaking)(RequestFactory().get("/breaking/"))

    (request,) = requests()
    assert (request.status, request.failed) == (None, True)
    assert request.failure is not None
    assert request.failure.summary == "LookupError: broken"


@pytest.mark.parametrize(
    ("times", "signal_ns"),
    [
        (((0, 10), (5, 20), (30, 40), (90, 500)), 20 + 10 + 10),  # the last ends after the response
        (((0, 10), (600, 700)), 10),  # the last begins after it
        ((), 0),
    ],
)
def test_overlapping_dispatches_are_counted_once(times: tuple[tuple[int, int], ...], signal_ns: int) -> None:
    origin = RequestOrigin(framed=False)
    info = DispatchInfo(signal_info(work), "", "send", (), 1)
    origin.ended = origin.started + 100
    for begun, ended in times:
        record = new_record(info, Root(origin, None, ""), None, 0)
        set_times(record, origin.started + begun, origin.started + ended)
        origin.records.append(record)

    assert add_up(origin).signal_ns == pytest.approx(signal_ns * 1e9)


def test_stored_dispatches_of_a_request_are_found_by_it(client: Client, captured: Capture) -> None:
    client.get("/working/")

    (request,) = requests()
    found = get_store().dispatches(DispatchFilter(origin_id=request.id))
    assert f"{__name__}.work" in {item.signal for item in found}


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("sampled", [False, True])
def test_request_knows_its_trace_and_whether_it_was_sampled(client: Client, sampled: bool) -> None:  # noqa: FBT001
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    span = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=flags))
    with trace.use_span(span):
        client.get("/working/")

    (request,) = requests()
    assert request.trace_id == f"{0xABC:032x}"
    assert request.span_id == (f"{0xDEF:016x}" if sampled else None)
