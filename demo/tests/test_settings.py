"""The demo's settings: a secret of its own, and traces only where they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from opentelemetry import trace

from demo import secret_key, telemetry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OTEL_", "DEMO_TRACE"))]:
        monkeypatch.delenv(name)


def test_secret_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert secret_key.read_or_make(path) == secret_key.read_or_make(path)
    assert len(path.read_text()) == 50
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("_no_telemetry")
def test_no_endpoint_no_traces() -> None:
    before = trace.get_tracer_provider()
    telemetry.configure()
    assert trace.get_tracer_provider() is before
    assert telemetry.trace_url() == ""


@pytest.mark.usefixtures("_no_telemetry")
@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_endpoint_shows_trace_links(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://localhost:4318")
    assert telemetry.trace_url() == "http://localhost:16686/trace/{trace_id}?uiFind={span_id}"


@pytest.mark.usefixtures("_no_telemetry")
def test_trace_links_can_lead_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.setenv("DEMO_TRACE_URL", "https://traces.example/{trace_id}")
    assert telemetry.trace_url() == "https://traces.example/{trace_id}"
