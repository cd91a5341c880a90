"""The reference of spans, attributes and metrics, compared with what is emitted."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry.sdk.trace import ReadableSpan
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.records import OUTCOMES
from signal_monitor.telemetry import docs_reference as reference
from tests.support.queueing import fill_queue
from tests.telemetry.providing import Meters, Spans

DOCS = Path(__file__).parents[2] / "docs"
TYPES = {str: "string", int: "int", float: "double, s"}

baked = Signal()


class Served(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        return [(receiver, receiver(signal=self, sender=sender)) for receiver in self._live_receivers(sender)[0]]


served = Served()
served.connect(lambda **kwargs: None, weak=False)


def knead(**kwargs: Any) -> None: ...


def burn(**kwargs: Any) -> None:
    raise ValueError("no")


def rise(**kwargs: Any) -> None:
    time.sleep(0.25)


class Notifies(logging.Handler):
    """A log handler that sends a signal."""

    def emit(self, _record: logging.LogRecord) -> None:
        served.send(sender=dict)


@contextmanager
def notified() -> Iterator[None]:
    """A signal is sent when a robust send logs a failure."""
    handler, logger = Notifies(), logging.getLogger("django.dispatch")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@pytest.fixture
def emitted(provide: Any, meters: Meters, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Meters]:
    """Whatever there is to emit: folded and not, failed both ways, slow, dropped, running."""
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 200, "SPANS_PER_TRACE": 6}
    spans: Spans = provide()

    def taste(**kwargs: Any) -> None:
        meters.read()  # while it runs, it is among those that run

    baked.connect(taste)
    baked.send(sender=dict)
    baked.disconnect(taste)
    for receiver in (knead, rise, burn):
        baked.connect(receiver)
    with spans.tracer.start_as_current_span("request"):
        served.send(sender=dict)
    with spans.tracer.start_as_current_span("request"), notified():
        baked.send_robust(sender=dict)
        with pytest.raises(ValueError, match="no"):
            asyncio.run(baked.asend(sender=dict))
        for receiver in (rise, burn):
            baked.disconnect(receiver)
        for _ in range(20):
            baked.send(sender=dict)
        pipeline.flush()
        fill_queue(monkeypatch)
        baked.send(sender=dict)
    baked.disconnect(knead)
    spans.finished()
    written = [span for span in spans.exporter.get_finished_spans() if span.name != "request"]
    return written, meters


def of_kind(spans: list[ReadableSpan], start: str) -> dict[str, set[type]]:
    """The attributes of the spans whose name begins so, with the types of their values."""
    found: dict[str, set[type]] = {}
    for span in spans:
        if span.name.startswith(start):
            for key, value in (span.attributes or {}).items():
                found.setdefault(key, set()).add(type(value))
    return found


def test_spans(emitted: Any) -> None:
    spans, _ = emitted
    documented = {span.name.split()[0] for span in reference.SPANS}
    assert {span.name.split()[0] for span in spans} == documented == {"send", "receive"}
    assert {str(span.kind) for span in spans} == {"SpanKind.INTERNAL"}


@pytest.mark.parametrize(("kind", "start"), [("dispatch", "send "), ("receiver", "receive ")])
def test_attributes(emitted: Any, kind: str, start: str) -> None:
    spans, _ = emitted
    found = of_kind(spans, start)
    documented = {item.name: item.type for item in reference.ATTRIBUTES if item.on in {kind, "both"}}
    assert {name: TYPES[types.pop()] for name, types in found.items()} == documented


def test_outcomes(emitted: Any) -> None:
    spans, _ = emitted
    outcomes = {(span.attributes or {}).get("django.signal.receiver.outcome") for span in spans} - {None}
    assert outcomes <= set(reference.OUTCOMES_OF_SPANS) == set(OUTCOMES) - {"not_run"}


def test_metrics(emitted: Any) -> None:
    _, meters = emitted
    read = meters.read()
    documented = {item.name: item for item in reference.METRICS}
    assert set(read) == set(documented)
    for name, points in read.items():
        metric = documented[name]
        assert meters.cached_infos[name] == (metric.unit, metric.instrument)
        assert {key for point in points for key in point.attributes} == set(metric.attributes)


def test_names_in_text_and_example_are_real() -> None:
    """Neither the page nor the example configuration speaks of an attribute that there is not."""
    known = {item.name for item in (*reference.ATTRIBUTES, *reference.METRICS)}
    known |= {name.rpartition(".")[0] for name in known if ".aggregated." in name}
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("opentelemetry.md", "collector.yaml"))
    assert set(re.findall(r"django\.signal\.[\w.]+\w", text)) <= known
