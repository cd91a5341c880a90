"""A request names the span of its worst receiver, at which its link opens the trace."""

from __future__ import annotations

import pytest
from django.test import Client

from signal_monitor import pipeline
from signal_monitor.records import Request
from signal_monitor.stores import get_store
from tests.telemetry.providing import Spans

CASES = {"?fail&ms=120": "receive charge_card", "?ms=120": "receive reserve_stock"}


def handled(spans: Spans, query: str) -> Request:
    """The record of a request that was made under a span."""
    with spans.tracer.start_as_current_span("request"):
        Client().get(f"/send/{query}")
    pipeline.flush()
    return get_store().requests(1)[0]


@pytest.mark.parametrize("query", CASES)
def test_request_names_the_span_of_the_receiver_that_failed_or_took_longest(spans: Spans, query: str) -> None:
    record = handled(spans, query)

    names = {f"{span.context.span_id:016x}": span.name for span in spans.exporter.get_finished_spans()}
    assert record.worst_span_id is not None
    assert names[record.worst_span_id].split(".")[-1] == CASES[query].split()[-1]
    assert names[record.span_id or ""] == "request"


def test_request_without_a_recording_span_names_none(provide: object) -> None:
    Client().get("/send/?fail")
    pipeline.flush()

    assert get_store().requests(1)[0].worst_span_id is None
