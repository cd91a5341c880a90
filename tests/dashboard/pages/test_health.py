"""The health page."""

from __future__ import annotations

from dataclasses import asdict

from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.stores.base import Batch, Store
from signal_monitor.tracing import GRPC_HINT, Exporter, Tracing
from tests.dashboard.drawing import parts
from tests.dashboard.examples import process


def test_health_page_tells_of_processes_the_store_and_settings(shop: Store) -> None:
    shop.write(Batch(process(id="web2", errors=2, last_error="StoreError: locked")))

    text = parts("health").text

    assert "2 alive · 2 seen" in text
    assert "Last error in the monitor itself: StoreError: locked" in text
    assert shop.location in text
    assert "SAMPLE_PER_SECOND" in text


def test_health_page_tells_how_much_the_worker_takes(shop: Store, client: Client) -> None:
    shop.write(Batch(process(id="web2", worker_percent=3.14)))

    (found,) = [item for item in client.get("/signals/api/health/").json()["processes"] if item["id"] == "web2"]

    assert "Worker CPU 3.1 % of a core" in " ".join(parts("health").text.split())
    assert found["worker_percent"] == 3.14


def test_health_page_shows_no_secret_of_a_setting(shop: Store, settings: Settings) -> None:
    address = "https://bob:hunter2@jaeger/trace/{trace_id}"
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": address}
    text = parts("health").text
    assert "https://[scrubbed]@jaeger/trace/{trace_id}" in text
    assert "hunter2" not in text


NAME = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter.OTLPSpanExporter"
FAILING = Exporter(
    name=NAME,
    processor="opentelemetry.sdk.trace.export.BatchSpanProcessor",
    endpoint="localhost:4318",
    is_watched=True,
    exported=120,
    lost=3072,
    dropped=3561,
    failures=7,
    last_success_at=1.7e9,
    last_failure_at=1.7e9,
    running_since=1.7e9,
    reason="DEADLINE_EXCEEDED: <too late>",
)


def test_health_page_tells_of_exporters(shop: Store, client: Client) -> None:
    shop.write(
        Batch(process(id="web2", tracing=Tracing((FAILING, Exporter("", "shop.Processor")), 12, "pip install x")))
    )

    text = parts("health").text
    (found,) = [item for item in client.get("/signals/api/health/").json()["processes"] if item["id"] == "web2"]

    for shown in ("failing", "3,072", "3,561", "localhost:4318", "DEADLINE_EXCEEDED: <too late>", GRPC_HINT):
        assert shown in text
    assert "No dispatch had a recording parent: none of 12 has a span. pip install x" in text
    assert "Span processor shop.Processor" in text
    assert found["exporters"][0] == asdict(FAILING) | {"hints": [GRPC_HINT]}
    assert (found["without_recording_parent"], found["advice"]) == (12, "pip install x")


def test_health_page_says_nothing_of_exporters_where_there_are_none(shop: Store) -> None:
    assert "Exporter" not in parts("health").text
    assert "recording parent" not in parts("health").text
