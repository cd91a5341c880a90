"""The demo's traces: a request, its signals, their receivers and queries, and what it has queued, in one tree."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from demo.home.browser import Browser
from demo.tests.running import Demo, eventually
from tests.collector import OTLPCollector, Span
from tests.servers import unavailable

NEEDED = ("distro", *(f"instrumentation.{name}" for name in ("celery", "django", "sqlite3")))
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
TASK = "demo.application.tasks.do_some_task"
CHORE = "demo.blocking.tasks.do_chore_later"
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
FAR_OFF = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
FROM_REQUEST_TO_TASK = [
    f"run/{CHORE}",
    f"apply_async/{CHORE}",
    "receive blocking.queue_chores",
    "send article_queued",
    "POST blocking/<slug:how>/",
]
FROM_REQUEST_TO_QUERY_IN_TASK = [
    "SELECT",
    "receive blocking.note_last_chore",
    "send chore_done",
    *FROM_REQUEST_TO_TASK,
]


def is_installed(name: str) -> bool:
    """Whether a module of a package that may be missing, too, can be imported."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def above(span: Span, by_id: dict[str, Span]) -> list[Span]:
    """A span and those around it, from the inside out."""
    parent = by_id.get(span.parent_id)
    return [span, *(above(parent, by_id) if parent else [])]


def branches(spans: list[Span], table: str) -> list[list[Span]]:
    """Each span of a query to a table, with those around it."""
    by_id = {span.span_id: span for span in spans}
    return [above(span, by_id) for span in spans if table in str(span.attributes.get("db.statement", ""))]


def lineages(spans: list[Span], table: str) -> list[list[str]]:
    """Of each span of a query to a table: its name and those of the spans around it, from the inside out."""
    return [[span.name for span in branch] for branch in branches(spans, table)]


def roots(spans: list[Span]) -> set[str]:
    """The instrumentations whose spans have nothing around them."""
    known = {span.span_id for span in spans}
    return {span.scope.removeprefix("opentelemetry.instrumentation.") for span in spans if span.parent_id not in known}


def services(spans: list[Span]) -> set[str]:
    """What the spans' processes call themselves."""
    return {span.resource["service.name"] for span in spans}


def publish(browser: Browser) -> None:
    """Let a receiver queue ten tasks, and wait until the worker has done them."""
    browser.get("/blocking/")
    browser.post("/blocking/tasks/")
    assert eventually(lambda: "10 of 10 chores done by the worker, the last one" in browser.get("/blocking/").text)


@pytest.fixture(autouse=True)
def _instrumentations() -> None:
    if not all(is_installed(f"opentelemetry.{name}") for name in NEEDED):
        unavailable("the OpenTelemetry instrumentations are not installed (pip install 'django-signal-monitor[demo]')")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_demo_sends_traces_to_the_endpoint(
    start: Callable[..., Demo], otlp_collector: OTLPCollector, protocol: str
) -> None:
    endpoint = otlp_collector.grpc_endpoint if protocol == "grpc" else otlp_collector.http_endpoint
    start(**SOON, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    expected = ["INSERT", "receive accounts.create_profile", "send post_save", "POST accounts/sign-up/"]
    table = "accounts_profile"
    assert eventually(lambda: expected in lineages(otlp_collector.spans, table)), lineages(otlp_collector.spans, table)
    assert services(otlp_collector.spans) == {"django-signal-monitor-demo"}


def test_trace_goes_on_in_the_worker(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    demo = start("--no-traffic", **SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    browser = Browser(demo.wait_for_url())
    browser.get("/tasks/")
    browser.post("/tasks/queue/")
    expected = [
        "INSERT",
        "receive application.keep_finished_task",
        "send some_task_done",
        f"run/{TASK}",
        f"apply_async/{TASK}",
        "POST tasks/queue/",
    ]
    table = "application_finishedtask"
    assert eventually(lambda: expected in lineages(otlp_collector.spans, table)), lineages(otlp_collector.spans, table)


def test_one_trace_from_the_request_to_a_query_in_a_task_that_a_receiver_has_queued(
    start: Callable[..., Demo], otlp_collector: OTLPCollector
) -> None:
    demo = start("--no-traffic", **SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    publish(Browser(demo.wait_for_url()))

    def found() -> list[list[Span]]:
        chores = branches(otlp_collector.spans, "blocking_chore")
        return [branch for branch in chores if [span.name for span in branch] == FROM_REQUEST_TO_QUERY_IN_TASK]

    assert eventually(found), lineages(otlp_collector.spans, "blocking_chore")
    branch = found()[0]
    *in_worker, queued, _, _, request = [span.resource["service.instance.id"] for span in branch]
    assert len({span.trace_id for span in branch}) == 1
    assert queued == request
    assert set(in_worker).isdisjoint({request})
    assert len(set(in_worker)) == 1


def test_only_requests_and_tasks_begin_a_trace(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    """No command does, nor what the monitor writes to its store or reads from it."""
    demo = start("--no-traffic", **SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    browser = Browser(demo.wait_for_url())
    browser.get("/signals/")
    publish(browser)
    assert demo.manage("check")
    assert demo.end(signal.SIGTERM) == 0
    assert roots(otlp_collector.spans) == {"django", "celery"}


def test_last_spans_of_all_processes_leave_when_the_demo_stops(
    start: Callable[..., Demo], otlp_collector: OTLPCollector
) -> None:
    demo = start("--no-traffic", **FAR_OFF, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    publish(Browser(demo.wait_for_url()))
    assert otlp_collector.spans == []
    assert demo.end(signal.SIGTERM) == 0
    assert lineages(otlp_collector.spans, "blocking_chore").count(FROM_REQUEST_TO_QUERY_IN_TASK) == 10


def test_rows_of_the_dashboard_link_to_the_trace(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    demo = start("--no-traffic", **SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    browser = Browser(demo.wait_for_url())
    publish(browser)
    (request,) = otlp_collector.wait_for(1, name="POST blocking/")
    link = re.compile(rf"http://localhost:16686/trace/{request.trace_id}\?uiFind=(\w+)")
    assert eventually(lambda: link.search(browser.get("/signals/requests/").text))
    linked = set(link.findall(browser.get("/signals/live/").text))
    assert eventually(lambda: linked & {one.span_id for one in otlp_collector.spans if one.name.startswith("send ")})


def test_metrics_are_sent_where_they_are_asked_for(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    start(**SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint, OTEL_METRICS_EXPORTER="otlp")
    duration = "django.signal.dispatch.duration"
    assert eventually(lambda: otlp_collector.latest(duration))


def test_metrics_are_not_sent_unasked(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    """Jaeger takes traces alone."""
    demo = start("--no-traffic", **SOON, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint)
    publish(Browser(demo.wait_for_url()))
    assert demo.end(signal.SIGTERM) == 0
    assert otlp_collector.spans
    assert otlp_collector.points == []


def test_attributes_of_the_environment_go_before_the_demos_own(
    start: Callable[..., Demo], otlp_collector: OTLPCollector
) -> None:
    attributes = "service.name=shop,deployment.environment.name=test"
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_collector.base_endpoint, "OTEL_RESOURCE_ATTRIBUTES": attributes}
    start("--no-worker", **SOON, **named)
    span = otlp_collector.wait_for(1, 60)[0]
    assert span.resource["service.name"] == "shop"
    assert span.resource["deployment.environment.name"] == "test"


def test_opentelemetry_instrument_makes_the_same_trace(
    start: Callable[..., Demo], otlp_collector: OTLPCollector
) -> None:
    demo = start(
        "--no-traffic",
        under=str(INSTRUMENT),
        **SOON,
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_SERVICE_NAME="instrumented",
    )
    publish(Browser(demo.wait_for_url()))
    assert demo.end(signal.SIGTERM) == 0
    assert lineages(otlp_collector.spans, "blocking_chore").count(FROM_REQUEST_TO_QUERY_IN_TASK) == 10
    assert services(otlp_collector.spans) == {"instrumented"}
