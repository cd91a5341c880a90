"""Traces of requests that dispatch thousands of times, as people read them: from a program, over OTLP, in a backend.

The backends are the tests' own receiver and, where its program is on the PATH, Jaeger.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.support.collector import Span, running_collector
from tests.support.jaeger import find_jaeger, running_jaeger
from tests.support.servers import ROOT
from tests.telemetry.busy_program import BUDGET, FAILURES, SAVES, SENDS, SLOW_MS, STEPS

pytestmark = pytest.mark.slow

DISPATCHES = {
    "import": {"django.db.models.signals.post_save": SAVES, "django.db.models.signals.pre_save": 0},
    "newsletter": {"tests.telemetry.busy_program.mailed": FAILURES},
    "async": {"tests.telemetry.busy_program.asked": SENDS},
    "nested": {"tests.telemetry.busy_program.outer": SENDS, "tests.telemetry.busy_program.inner": SENDS},
    "threads": {"tests.telemetry.busy_program.asked": SENDS},
    "slow": {"tests.telemetry.busy_program.delayed": SENDS},
}
COUNT = "django.signal.dispatches.aggregated.count"
TOTAL = "django.signal.dispatches.aggregated.duration"
RUN = "import sys; from tests.telemetry.busy_program import main; main(sys.argv[1:])"
"""Not as ``__main__``, which would be in the names of its signals and receivers."""
Fetch = Callable[[str], list[Span]]


@dataclass(frozen=True)
class Trace:
    """The spans of one request."""

    spans: list[Span]

    @property
    def ours(self) -> list[Span]:
        """The monitor's spans."""
        return [span for span in self.spans if span.scope == "signal_monitor"]

    @property
    def aggregated(self) -> list[Span]:
        """Those that stand for many dispatches."""
        return [span for span in self.ours if COUNT in span.attributes]

    @property
    def request(self) -> Span:
        """The request's own span."""
        (request,) = [span for span in self.spans if not span.parent_id]
        return request

    def parent(self, span: Span) -> Span:
        """The parent of a span."""
        (parent,) = [one for one in self.spans if one.span_id == span.parent_id]
        return parent


Traces = Mapping[str, Trace]


def run_program(endpoint: str, *steps: str) -> dict[str, str]:
    """Run the program, and wait for its end; the trace ids of its requests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    exporting = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_SERVICE_NAME": "busy-shop",
        "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, *steps],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment | exporting,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def fetch_all(fetch: Fetch, trace_ids: Mapping[str, str]) -> Traces:
    return {step: Trace(fetch(trace_id)) for step, trace_id in trace_ids.items()}


@pytest.fixture(scope="module", params=["receiver", "receiver, spans seen live", "jaeger"])
def traces(request: pytest.FixtureRequest) -> Iterator[Traces]:
    """The traces of the program's requests, as a backend has them."""
    if request.param == "jaeger":
        with running_jaeger(find_jaeger()) as jaeger:
            yield fetch_all(jaeger.spans, run_program(jaeger.endpoint, *STEPS))
        return
    with running_collector() as collector:
        trace_ids = run_program(collector.base_endpoint, *(["live"] if "live" in request.param else []), *STEPS)
        spans = collector.spans
    yield fetch_all(lambda trace_id: [span for span in spans if span.trace_id == trace_id], trace_ids)


@pytest.mark.parametrize("step", STEPS)
def test_budget_bounds_the_spans_of_a_trace(traces: Traces, step: str) -> None:
    """However many are asked for: beyond it, one span a second stands for all dispatches of a kind under a parent."""
    trace = traces[step]
    assert len(trace.ours) - len(trace.aggregated) <= BUDGET
    # A nested dispatch is aggregated under the last of the spans around it, each of which is within the budget.
    assert len(trace.aggregated) <= BUDGET


@pytest.mark.parametrize("step", STEPS)
def test_no_span_is_without_its_parent(traces: Traces, step: str) -> None:
    ids = {span.span_id for span in traces[step].spans}
    missing = [span.name for span in traces[step].spans if span.parent_id and span.parent_id not in ids]
    assert missing == []
    assert len(ids) == len(traces[step].spans)


@pytest.mark.parametrize("step", STEPS)
def test_every_dispatch_is_counted_once(traces: Traces, step: str) -> None:
    counts: Counter[str] = Counter()
    for span in traces[step].ours:
        if span.name.startswith("send "):
            counts[span.attributes["django.signal.name"]] += span.attributes.get(COUNT, 1)
    assert {name: counts[name] for name in DISPATCHES[step]} == DISPATCHES[step]


@pytest.mark.parametrize("step", STEPS)
def test_aggregated_span_says_so_and_lasts_as_long_as_its_dispatches(traces: Traces, step: str) -> None:
    trace = traces[step]
    assert trace.aggregated
    for span in trace.aggregated:
        parent = trace.parent(span)
        signal = span.attributes["django.signal.name"].rpartition(".")[2]
        assert span.name == f"send {signal} (aggregated)"
        assert span.duration_ns <= span.attributes[TOTAL] * 1e9 + 1_000
        assert span.end_ns <= parent.end_ns
        if span.start_ns + span.attributes[TOTAL] * 1e9 < parent.end_ns - 1_000_000:
            assert span.duration_ns == pytest.approx(span.attributes[TOTAL] * 1e9, abs=1_000)
    named = [span for span in trace.ours if span.name.endswith("(aggregated)")]
    assert len(named) == len(trace.aggregated)


def test_what_a_receiver_does_beyond_the_budget_hangs_under_the_request(traces: Traces) -> None:
    trace = traces["import"]
    queries = [span for span in trace.spans if span.scope.endswith("sqlite3") and span.name == "SELECT"]
    parents = Counter(trace.parent(span).name.partition(" ")[0] for span in queries)
    assert len(queries) == SAVES
    assert 0 < parents["receive"] <= BUDGET // 2
    assert parents["POST"] == SAVES - parents["receive"]


def test_slow_and_failed_ones_beyond_the_budget_are_told_on_what_stands_for_them(traces: Traces) -> None:
    told = [event for span in traces["slow"].aggregated for event in span.events]
    slow, *more = sorted(told, key=lambda event: event.name, reverse=True)[:2]
    (failed,) = [event for event in told if event.name == "exception"]
    assert [slow.name, *(event.name for event in more)] == ["exception", "django.signal.receiver.slow"]
    assert failed.attributes["exception.message"] == "the last one"
    durations = [event.attributes["django.signal.receiver.duration"] for event in told if event is not failed]
    assert len(durations) == 2
    assert min(durations) >= 2 * SLOW_MS / 1000
    attributes = [span.attributes for span in traces["slow"].aggregated]
    assert sum(one["django.signal.dispatches.aggregated.failed"] for one in attributes) == 1
    assert sum(one["django.signal.dispatches.aggregated.slow"] for one in attributes) == 2


def test_failures_are_told_in_full_at_first_and_then_added_up(traces: Traces) -> None:
    trace = traces["newsletter"]
    stacks = [event for span in trace.ours for event in span.events if event.name == "exception"]
    assert 0 < len(stacks) <= BUDGET
    failed = [span for span in trace.ours if span.status == "ERROR"]
    assert {span.name for span in failed} == {"receive telemetry.busy_program.send_mail"}
    assert {span.attributes["code.function.name"] for span in failed} == {f"{STEPS['import'].__module__}.send_mail"}
    counted = sum(span.attributes["django.signal.dispatches.aggregated.failed"] for span in trace.aggregated)
    assert len(failed) + counted == FAILURES


def test_every_span_is_of_the_program(traces: Traces) -> None:
    services = {span.resource["service.name"] for trace in traces.values() for span in trace.spans}
    assert services == {"busy-shop"}
    assert len({trace.request.trace_id for trace in traces.values()}) == len(STEPS)
