"""The demo's traces: a request, its signals, their receivers and these receivers' queries in one tree."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from demo.home.browser import Browser
from demo.tests.running import Demo, eventually
from tests.collector import OTLPCollector, Span
from tests.servers import unavailable

INSTRUMENTATIONS = tuple(f"opentelemetry.instrumentation.{name}" for name in ("celery", "dbapi", "django"))
TASK = "demo.application.tasks.do_some_task"


def is_installed(name: str) -> bool:
    """Whether a module of a package that may be missing, too, can be imported."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def lineages(spans: list[Span], table: str) -> list[list[str]]:
    """Of each span of a query to a table: its name and those of the spans around it, from the inside out."""
    by_id = {span.span_id: span for span in spans}
    return [_lineage(span, by_id) for span in spans if table in str(span.attributes.get("db.statement", ""))]


def _lineage(span: Span, by_id: dict[str, Span]) -> list[str]:
    above = by_id.get(span.parent_id)
    return [span.name, *(_lineage(above, by_id) if above else [])]


@pytest.fixture
def _instrumentations() -> None:
    if not all(map(is_installed, INSTRUMENTATIONS)):
        unavailable("the OpenTelemetry instrumentations are not installed (pip install 'django-signal-monitor[demo]')")


@pytest.mark.usefixtures("_instrumentations")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_demo_sends_traces_to_the_endpoint(
    start: Callable[..., Demo], otlp_collector: OTLPCollector, protocol: str
) -> None:
    endpoint = otlp_collector.grpc_endpoint if protocol == "grpc" else otlp_collector.http_endpoint
    start(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_BSP_SCHEDULE_DELAY="200"
    )
    expected = ["INSERT", "receive demo.accounts.receivers.create_profile", "send post_save", "POST accounts/sign-up/"]
    table = "accounts_profile"
    assert eventually(lambda: expected in lineages(otlp_collector.spans, table)), lineages(otlp_collector.spans, table)
    assert {span.resource["service.name"] for span in otlp_collector.spans} == {"django-signal-monitor-demo"}


@pytest.mark.usefixtures("_instrumentations")
def test_trace_goes_on_in_the_worker(start: Callable[..., Demo], otlp_collector: OTLPCollector) -> None:
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": otlp_collector.http_endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    browser = Browser(start("--no-traffic", **traces).wait_for_url())
    browser.get("/tasks/")
    browser.post("/tasks/queue/")
    expected = [
        "INSERT",
        "receive demo.application.receivers.keep_finished_task",
        "send some_task_done",
        f"run/{TASK}",
        f"apply_async/{TASK}",
        "POST tasks/queue/",
    ]
    table = "application_finishedtask"
    assert eventually(lambda: expected in lineages(otlp_collector.spans, table)), lineages(otlp_collector.spans, table)
