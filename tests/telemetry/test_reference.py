"""The tables of docs/opentelemetry.md, beside what is emitted."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry.sdk.trace import ReadableSpan
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.conf import Config
from signal_monitor.instrumentation.outbox import outbox
from tests.telemetry.providing import Meters, Spans

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "opentelemetry.md").read_text(encoding="utf-8")
TYPES = {str: "string", int: "int", float: "double, s"}

baked = Signal()


def knead(**kwargs: Any) -> None: ...


def burn(**kwargs: Any) -> None:
    raise ValueError("no")


def rise(**kwargs: Any) -> None:
    time.sleep(0.25)


def table(name: str) -> dict[str, list[str]]:
    """The rows of a table: what stands in the first column, without its quotes, and the other columns."""
    (text,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.strip().splitlines()[2:]]
    return {first.strip("`"): others for first, *others in rows}


def plain(cell: str) -> str:
    return cell.strip("`")


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
        baked.send_robust(sender=dict)
        with pytest.raises(ValueError, match="no"):
            asyncio.run(baked.asend(sender=dict))
        for receiver in (rise, burn):
            baked.disconnect(receiver)
        for _ in range(20):
            baked.send(sender=dict)
        pipeline.flush()
        monkeypatch.setattr(outbox, "size", 0)
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
    documented = {name.split()[0] for name in table("spans")}
    assert {span.name.split()[0] for span in spans} == documented == {"send", "receive"}
    assert {str(span.kind) for span in spans} == {"SpanKind.INTERNAL"}


def test_attributes(emitted: Any) -> None:
    spans, _ = emitted
    on = {"dispatch": of_kind(spans, "send "), "receiver": of_kind(spans, "receive ")}
    rows = table("attributes")
    for kind, found in on.items():
        documented = {name for name, (where, *_) in rows.items() if where in {kind, "both"}}
        assert set(found) == documented
        assert {name: TYPES[kinds.pop()] for name, kinds in found.items()} == {
            name: rows[name][1] for name in documented
        }


def test_outcomes(emitted: Any) -> None:
    spans, _ = emitted
    outcomes = {(span.attributes or {}).get("django.signal.receiver.outcome") for span in spans} - {None}
    documented = set(re.findall(r"`(\w+)`", table("attributes")["django.signal.receiver.outcome"][-1]))
    assert outcomes <= documented == {"ok", "raised", "swallowed", "cancelled", "late"}


def test_metrics(emitted: Any) -> None:
    _, meters = emitted
    read = meters.read()
    rows = table("metrics")
    assert set(read) == set(rows)
    for name, points in read.items():
        instrument, unit, names, _ = rows[name]
        assert meters.described[name] == (plain(unit), instrument)
        assert {key for point in points for key in point.attributes} == set(re.findall(r"`([^`]+)`", names))


def test_settings() -> None:
    rows = table("settings")
    assert [item.name for item in fields(Config) if item.name.startswith("SPANS")] == [
        name for name in rows if name.startswith("SPANS")
    ]
    for name, (default, _) in rows.items():
        value = getattr(Config(), name)
        assert plain(default) == (repr(value) if value != "" else '""')


def test_names_in_text_and_example_are_real() -> None:
    """Neither the page nor the example configuration speaks of an attribute that is not in the tables."""
    known = {
        *table("attributes"),
        *table("metrics"),
        "django.signal.receivers.folded",
        "django.signal.dispatches.folded",
    }
    text = PAGE + (DOCS / "collector.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"django\.signal\.[\w.]+\w", text)) <= known
