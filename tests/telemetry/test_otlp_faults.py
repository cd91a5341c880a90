"""What the application notices of an OTLP endpoint that fails: nothing in its dispatches, a line a minute, no long end.

The SDK does not give up a flush before each batch in it has had its time-out, or thirty seconds in all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.matrix import with_more
from tests.support.servers import ROOT
from tests.telemetry.exporting_program import DISPATCHES_PER_REQUEST, REQUESTS, SPANS
from tests.telemetry.faulty_collector import FAULTS, SILENT

pytestmark = pytest.mark.slow

AT_ONCE = 4
TIMEOUT_SECONDS = 2
QUEUE_SIZE = BATCH_SIZE = 512
# The SDK itself gives up a flush after half a minute; a busy machine may take as long again.
EXIT_SECONDS = 60
ENVIRONMENT = {
    "OTEL_EXPORTER_OTLP_TIMEOUT": str(TIMEOUT_SECONDS),
    "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE_SIZE),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH_SIZE),
    "OTEL_BSP_SCHEDULE_DELAY": "100",
}
DISPATCHES = REQUESTS * DISPATCHES_PER_REQUEST

# As which failure the SDK counts a batch; None where it takes it for delivered.
COUNTED_AS = {
    ("http", "none"): None,
    ("http", "down"): "ConnectionError",
    ("http", "slow"): "ReadTimeout",
    ("http", "400"): 400,
    ("http", "429"): 429,
    ("http", "503"): 503,
    ("http", "partial success"): None,
    ("http", "closing mid-body"): "ChunkedEncodingError",
    ("http", "hanging up"): "ConnectionError",
    ("grpc", "none"): None,
    ("grpc", "down"): "UNAVAILABLE",
    ("grpc", "slow"): "DEADLINE_EXCEEDED",
    ("grpc", "unavailable"): "UNAVAILABLE",
    ("grpc", "exhausted"): "RESOURCE_EXHAUSTED",
    ("grpc", "unimplemented"): "UNIMPLEMENTED",
    ("grpc", "partial success"): None,
    ("grpc", "no gRPC"): "UNAVAILABLE",
    ("grpc", "hanging up"): "UNAVAILABLE",
}
MORE = [("http", "400"), ("http", "429"), ("http", "closing mid-body")]
MORE += [("grpc", "exhausted"), ("grpc", "unimplemented"), ("grpc", "hanging up")]
EVERY_FAULT = pytest.mark.parametrize(
    ("protocol", "fault"), with_more([case for case in COUNTED_AS if case not in MORE], MORE)
)


@dataclass(frozen=True)
class Run:
    """What a program reported, what it printed to stderr, what reached the collector, and how long it took to end."""

    report: dict[str, Any]
    lines: list[str]
    arrived: int
    exit_seconds: float

    def counted(self, name: str, **attributes: object) -> float:
        """What the SDK has counted under a name, with these attributes (``_`` for ``.``; None for without)."""
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        return sum(
            float(value)
            for metric, found, value in self.report["counts"]
            if metric == name and all(found.get(key) == item for key, item in wanted.items())
        )

    def failures(self) -> set[object]:
        """As what the SDK counted the batches: a status or the type of an error; None for delivered."""
        keys = ("rpc.response.status_code", "http.response.status_code", "error.type")
        return {
            next((found[key] for key in keys if key in found), None)
            for metric, found, _ in self.report["counts"]
            if metric == "otel.sdk.exporter.operation.duration"
        }


Result = Callable[..., Run]


@dataclass(frozen=True)
class Variant:
    """The apps that the program has installed, and whether the SDK counts what it does.

    Where it counts, it wants to see spans start, and the monitor makes them otherwise than where it does not.
    """

    apps: tuple[str, ...] = ("signal_monitor",)
    counting: bool = True


MONITORED = Variant()
UNCOUNTED = Variant(counting=False)


def run_program(protocol: str, fault: str, variant: Variant) -> Run:
    """Run the program against a collector with a fault."""
    with FAULTS[protocol][fault]() as collector:
        done = subprocess.run(
            command(protocol, *variant.apps),
            capture_output=True,
            text=True,
            timeout=240,
            env={
                **environment(collector.endpoint),
                "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": str(variant.counting).lower(),
            },
            cwd=ROOT,
            check=False,
        )
        ended_at = time.time()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    return Run(report, done.stderr.splitlines(), sum(collector.arrivals), ended_at - report["done_at"])


def command(protocol: str, *apps: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "tests.telemetry.exporting_program", protocol, *apps]


def environment(endpoint: str) -> dict[str, str]:
    """The program's environment: this one, with the endpoint as the only one."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    return {**inherited, **ENVIRONMENT, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}


@pytest.fixture(scope="module")
def result(request: pytest.FixtureRequest) -> Iterator[Result]:
    """Answers the run with a fault, once it is over; all of them are started together, for they mostly wait."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wanted = [vars(item)["callspec"].params for item in request.session.items if "callspec" in vars(item)]
        faults = {(params.get("protocol"), params.get("fault")) for params in wanted}
        cases = [(*case, MONITORED) for case in COUNTED_AS if case in faults]
        cases += [(protocol, "slow", UNCOUNTED) for protocol in FAULTS]
        runs = {case: pool.submit(run_program, *case) for case in cases}
        yield lambda protocol, fault, variant=MONITORED: runs[protocol, fault, variant].result()
        pool.shutdown(cancel_futures=True)


def test_every_fault_is_tried() -> None:
    assert set(COUNTED_AS) == {(protocol, fault) for protocol, faults in FAULTS.items() for fault in faults}


@EVERY_FAULT
def test_dispatches_do_not_wait_for_the_exporter(result: Result, protocol: str, fault: str) -> None:
    run = result(protocol, fault)

    assert run.report["threads"] == ["signal_monitor"]  # only the worker handed spans to the processors
    assert run.report["dispatches"] == DISPATCHES


@pytest.mark.parametrize("protocol", SILENT)
def test_dispatches_end_while_the_endpoint_is_silent(protocol: str) -> None:
    """The endpoint answers when all dispatches are done: a program that waited for it would not get there."""
    with (
        SILENT[protocol]() as collector,
        subprocess.Popen(
            command(protocol, *MONITORED.apps),
            stdout=subprocess.PIPE,
            text=True,
            env={**environment(collector.endpoint), "OTEL_EXPORTER_OTLP_TIMEOUT": "240"},
            cwd=ROOT,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        collector.released.set()
        report = json.loads(process.stdout.read())

    assert process.returncode == 0
    assert report["dispatches"] == DISPATCHES


@pytest.mark.parametrize("protocol", FAULTS)
def test_worker_hands_over_where_the_sdk_does_not_count(result: Result, protocol: str) -> None:
    run = result(protocol, "slow", UNCOUNTED)

    assert run.counted("otel.sdk.processor.span.processed") == 0
    assert (run.report["threads"], run.report["spans"]) == (["signal_monitor"], SPANS)
    assert run.lines


@EVERY_FAULT
def test_every_span_is_counted(result: Result, protocol: str, fault: str) -> None:
    run = result(protocol, fault)
    processed = run.counted("otel.sdk.processor.span.processed", error_type=None)
    dropped = run.counted("otel.sdk.processor.span.processed", error_type="queue_full")

    assert run.report["spans"] == SPANS
    # The SDK looks at the queue's length before it appends: between threads it may be off by a few.
    assert processed + dropped == pytest.approx(SPANS, rel=0.01)
    assert run.counted("otel.sdk.exporter.span.exported") == processed
    failures, expected = run.failures(), COUNTED_AS[protocol, fault]
    if expected == "UNAVAILABLE":
        failures.discard("DEADLINE_EXCEEDED")  # a busy machine may not get as far as the refusal in time
    assert failures == {expected}


@pytest.mark.parametrize(("protocol", "fault"), [case for case, failure in COUNTED_AS.items() if failure is None])
def test_what_is_counted_as_delivered_has_arrived(result: Result, protocol: str, fault: str) -> None:
    """Of a partial success the SDK does not read how many spans were rejected."""
    run = result(protocol, fault)

    assert run.arrived == run.counted("otel.sdk.exporter.span.exported", error_type=None) > 0


@pytest.mark.parametrize(
    ("protocol", "fault"), [("http", "down"), ("http", "slow"), ("grpc", "down"), ("grpc", "slow")]
)
def test_queue_that_is_full_drops_spans_and_counts_them(result: Result, protocol: str, fault: str) -> None:
    assert result(protocol, fault).counted("otel.sdk.processor.span.processed", error_type="queue_full") > 0


@EVERY_FAULT
def test_exit_takes_no_longer_than_the_sdks_flush(result: Result, protocol: str, fault: str) -> None:
    run = result(protocol, fault)

    assert run.report["done_at"] <= run.report["shutdown_at"]
    assert run.exit_seconds < EXIT_SECONDS
