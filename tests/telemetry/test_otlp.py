"""Spans as they arrive at a collector, over HTTP and gRPC: names, parents, times, failures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from signal_monitor import pipeline
from signal_monitor.telemetry.providers import SCHEMA_URL
from tests.support.collector import OTLPCollector, Span

ordered = Signal()
shipped = Signal()


def ship(**kwargs: Any) -> None:
    shipped.send_robust(sender="warehouse")


def label(**kwargs: Any) -> None:
    time.sleep(0.02)


def post(**kwargs: Any) -> None:
    raise OSError("no stamps")


async def mail_customer(**kwargs: Any) -> None:
    await asyncio.sleep(0.02)


async def mail_staff(**kwargs: Any) -> None:
    await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _receivers() -> Iterator[None]:
    pairs = [(ordered, ship), (ordered, mail_customer), (ordered, mail_staff), (shipped, label), (shipped, post)]
    for signal, receiver in pairs:
        signal.connect(receiver)
    yield
    for signal, receiver in pairs:
        signal.disconnect(receiver)


@pytest.fixture(params=["http", "grpc"])
def export(
    request: pytest.FixtureRequest, otlp_collector: OTLPCollector, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], dict[str, Span]]]:
    """Makes a provider with a real exporter the global one; call it for the spans that arrived, by name."""
    if request.param == "http":
        exporter: Any = HTTPExporter(endpoint=otlp_collector.http_endpoint)
    else:
        exporter = GRPCExporter(endpoint=otlp_collector.grpc_endpoint, insecure=True)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    def arrived() -> dict[str, Span]:
        pipeline.flush()
        provider.force_flush()
        assert {span.protocol for span in otlp_collector.spans} == {request.param}
        return {span.name: span for span in otlp_collector.spans}

    yield arrived
    provider.shutdown()


def receive(receiver: Callable[..., Any]) -> str:
    return f"receive telemetry.test_otlp.{receiver.__qualname__}"


def test_spans_arrive_with_their_parents_and_times(export: Callable[[], dict[str, Span]]) -> None:
    before = time.time_ns()
    with trace.get_tracer("test").start_as_current_span("request"):
        asyncio.run(ordered.asend(sender="shop"))
    after = time.time_ns()

    spans = export()
    tree = {
        "send ordered": "request",
        receive(ship): "send ordered",
        receive(mail_customer): "send ordered",
        receive(mail_staff): "send ordered",
        "send shipped": receive(ship),
        receive(label): "send shipped",
        receive(post): "send shipped",
    }
    assert set(spans) == {"request", *tree}
    assert len({span.trace_id for span in spans.values()}) == 1
    for child, parent in tree.items():
        assert spans[child].parent_id == spans[parent].span_id
        assert before <= spans[parent].start_ns <= spans[child].start_ns
        assert spans[child].end_ns <= spans[parent].end_ns <= after
    assert spans[receive(label)].duration_ns >= 20_000_000
    overlap = min(spans[receive(mail_customer)].end_ns, spans[receive(mail_staff)].end_ns) - max(
        spans[receive(mail_customer)].start_ns, spans[receive(mail_staff)].start_ns
    )
    assert overlap > 0  # the async receivers ran at the same time, and the spans say so


def test_failure_arrives_once_on_the_receivers_span(export: Callable[[], dict[str, Span]]) -> None:
    with trace.get_tracer("test").start_as_current_span("request"):
        shipped.send_robust(sender="warehouse")

    spans = export()
    assert [event.name for span in spans.values() for event in span.events] == ["exception"]
    failed = spans[receive(post)]
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "OSError")
    assert failed.attributes["django.signal.receiver.outcome"] == "swallowed"
    assert failed.events[0].attributes["exception.message"] == "no stamps"
    assert "raise OSError" in failed.events[0].attributes["exception.stacktrace"]
    assert (spans["send shipped"].status, spans["send shipped"].attributes["django.signal.receivers.failed"]) == (
        "UNSET",
        1,
    )


def test_scope_schema_and_resource(export: Callable[[], dict[str, Span]]) -> None:
    with trace.get_tracer("test").start_as_current_span("request"):
        shipped.send_robust(sender="warehouse")

    spans = export()
    sent = spans["send shipped"]
    assert (sent.scope, sent.schema_url, sent.kind) == ("signal_monitor", SCHEMA_URL, "INTERNAL")
    assert sent.resource == spans["request"].resource


ODD = "\ud800\x00\x1b[2J\u202e"
"""Text that protocol buffers cannot encode, or that a terminal obeys."""


def test_odd_text_keeps_no_span_from_the_collector(
    export: Callable[[], dict[str, Span]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Django logs the text as it is, and what a test has logged is sent to another process.
    monkeypatch.setattr(logging.getLogger("django.dispatch"), "disabled", True)

    def fail(**kwargs: Any) -> None:
        raise type("Odd", (ValueError,), {"__qualname__": f"Odd{ODD}"})(f"message {ODD}")

    fail.__qualname__, fail.__module__ = f"fail{ODD}", f"module{ODD}"
    odd = Signal()
    odd.connect(fail)
    with trace.get_tracer("test").start_as_current_span("request"):
        odd.send_robust(f"sender {ODD}")

    spans = export()
    assert len(spans) == 3
    (received,) = [span for name, span in spans.items() if name.startswith("receive")]
    assert "\\ud800\\x00\\x1b[2J\\u202e" in received.name
    assert r"message \\ud800" in str(received)
