"""The demo's traces: a request, its signals, their receivers and queries, and what it has queued, in one tree."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from demo.home.browser import Browser
from demo.tests.running import Demo, eventually, started
from tests.support.collector import OTLPCollector, Point, Span, running_collector
from tests.support.servers import unavailable

pytestmark = pytest.mark.slow

NEEDED = ("distro", *(f"instrumentation.{name}" for name in ("celery", "django", "sqlite3")))
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
TASK = "demo.application.tasks.do_some_task"
CHORE = "demo.blocking.tasks.do_chore_later"
PASSWORD_FIELDS = ("password1", "password2")
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
        unavailable("the OpenTelemetry instrumentations are not installed (pip install --group demo)")


def test_demo_sends_traces_to_the_endpoint(browser: Browser, demo_collector: OTLPCollector) -> None:
    browser.get("/accounts/sign-up/")
    browser.post(
        "/accounts/sign-up/",
        {"username": "traced", "email": "traced@example.org", **dict.fromkeys(PASSWORD_FIELDS, "a-long-passphrase")},
    )
    expected = ["INSERT", "receive accounts.create_profile", "send post_save", "POST accounts/sign-up/"]
    table = "accounts_profile"
    assert eventually(lambda: expected in lineages(demo_collector.spans, table)), lineages(demo_collector.spans, table)
    assert "academy" in services(demo_collector.spans)


def test_trace_goes_on_in_the_worker(browser: Browser, demo_collector: OTLPCollector) -> None:
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
    assert eventually(lambda: expected in lineages(demo_collector.spans, table)), lineages(demo_collector.spans, table)
    assert services(demo_collector.spans) == {"academy", "academy-worker"}
    assert len({(span.resource["host.name"], span.resource["process.pid"]) for span in demo_collector.spans}) == 2
    assert not [span for span in demo_collector.spans if "QUOTE(" in str(span.attributes.get("db.statement"))]


def test_one_trace_from_the_request_to_a_query_in_a_task_that_a_receiver_has_queued(
    browser: Browser, demo_collector: OTLPCollector
) -> None:
    publish(browser)

    def found() -> list[list[Span]]:
        chores = branches(demo_collector.spans, "blocking_chore")
        return [branch for branch in chores if [span.name for span in branch] == FROM_REQUEST_TO_QUERY_IN_TASK]

    assert eventually(found), lineages(demo_collector.spans, "blocking_chore")
    branch = found()[0]
    *in_worker, queued, _, _, request = [span.resource["service.instance.id"] for span in branch]
    assert len({span.trace_id for span in branch}) == 1
    assert queued == request
    assert set(in_worker).isdisjoint({request})
    assert len(set(in_worker)) == 1


def test_rows_of_the_dashboard_link_to_the_trace(browser: Browser, demo_collector: OTLPCollector) -> None:
    publish(browser)
    request = demo_collector.wait_for(1, name="POST blocking/")[-1]
    link = re.compile(rf"http://localhost:16686/trace/{request.trace_id}\?uiFind=(\w+)")
    assert eventually(lambda: link.search(browser.get("/signals/requests/").text))
    row = re.compile(r"/signals/dispatches/[^/]+/")
    rows = row.findall(browser.get(f"/signals/live/?trace_id={request.trace_id}").text)
    linked = {span for address in rows for span in link.findall(browser.get(address).text)}
    assert eventually(lambda: linked & {one.span_id for one in demo_collector.spans if one.name.startswith("send ")})


@pytest.mark.usefixtures("demo")
def test_metrics_are_sent_where_they_are_asked_for(demo_collector: OTLPCollector) -> None:
    assert eventually(lambda: demo_collector.latest("django.signal.dispatch.duration"))


@dataclass(frozen=True)
class EndedDemo:
    """A demo that would send its spans in an hour and was stopped before: its exit code, and what it sent."""

    exit_code: int
    sent_before: list[Span]
    spans: list[Span]
    points: list[Point]


@pytest.fixture(scope="module")
def ended_demo(tmp_path_factory: pytest.TempPathFactory) -> EndedDemo:
    """Over gRPC, with attributes of the environment's own, and without metrics, which nobody has asked for."""
    with running_collector() as collector:
        environ = {
            "OTEL_BSP_SCHEDULE_DELAY": "3600000",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,deployment.environment.name=test",
        }
        with started(tmp_path_factory.mktemp("ended"), "--no-traffic", **environ) as demo:
            browser = Browser(demo.wait_for_url())
            browser.get("/signals/")
            publish(browser)
            assert demo.manage("diffsettings")
            sent_before = collector.spans
            exit_code = demo.end(signal.SIGTERM)
        return EndedDemo(exit_code, sent_before, collector.spans, collector.points)


def test_last_spans_of_all_processes_leave_when_the_demo_stops(ended_demo: EndedDemo) -> None:
    assert ended_demo.sent_before == []
    assert ended_demo.exit_code == 0
    assert lineages(ended_demo.spans, "blocking_chore").count(FROM_REQUEST_TO_QUERY_IN_TASK) == 10
    assert {span.protocol for span in ended_demo.spans} == {"grpc"}


def test_only_requests_and_tasks_begin_a_trace(ended_demo: EndedDemo) -> None:
    """No command does, nor what the monitor writes to its store or reads from it."""
    assert roots(ended_demo.spans) == {"django", "celery"}


def test_metrics_are_not_sent_unasked(ended_demo: EndedDemo) -> None:
    """Jaeger takes traces alone."""
    assert ended_demo.spans
    assert ended_demo.points == []


def test_attributes_of_the_environment_go_before_the_demos_own(ended_demo: EndedDemo) -> None:
    assert services(ended_demo.spans) == {"shop"}
    assert {span.resource["deployment.environment.name"] for span in ended_demo.spans} == {"test"}


def test_opentelemetry_instrument_makes_the_same_trace(
    start: Callable[..., Demo], otlp_collector: OTLPCollector
) -> None:
    demo = start(
        "--no-traffic",
        under=str(INSTRUMENT),
        OTEL_BSP_SCHEDULE_DELAY="200",
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_collector.base_endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_SERVICE_NAME="instrumented",
    )
    publish(Browser(demo.wait_for_url()))
    assert demo.end(signal.SIGTERM) == 0
    assert lineages(otlp_collector.spans, "blocking_chore").count(FROM_REQUEST_TO_QUERY_IN_TASK) == 10
    assert services(otlp_collector.spans) == {"instrumented"}
