"""What the health page says of exporters: of real ones, whose collector takes spans, refuses them, is gone or hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from tests.support.servers import ROOT
from tests.telemetry.faulty_collector import FAULTS, SILENT

pytestmark = pytest.mark.slow

AT_ONCE = 4
TIMEOUT_SECONDS = 2
HANGING_SECONDS = 120
REASONS = {
    ("http", "400"): {"HTTP 400"},
    ("http", "503"): {"HTTP 503"},
    ("http", "down"): {"Connection refused"},
    ("http", "hanging up"): {"ConnectionError"},
    ("grpc", "unimplemented"): {"UNIMPLEMENTED"},
    # A busy machine may not get as far as the refusal in time.
    ("grpc", "unavailable"): {"UNAVAILABLE", "DEADLINE_EXCEEDED"},
    ("grpc", "down"): {"UNAVAILABLE", "DEADLINE_EXCEEDED"},
}
PROCESSORS = {"batch": "BatchSpanProcessor", "simple": "SimpleSpanProcessor"}


class Case(NamedTuple):
    """A collector and its fault, how spans are sent to it, and what the program waits for."""

    fault: str
    protocol: str
    processor: str
    awaited: str


CASES = [
    *(Case("none", protocol, processor, "success") for protocol in FAULTS for processor in PROCESSORS),
    *(Case(fault, protocol, "batch", "failure") for protocol, fault in REASONS),
    *(Case("silent", protocol, "batch", awaited) for protocol in SILENT for awaited in ("running", "dropped")),
    Case("400", "http", "simple", "failure"),
]
Result = Callable[..., dict[str, Any]]


def run_program(case: Case) -> dict[str, Any]:
    """What the health page of a program says of its exporter."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    collector = SILENT[case.protocol]() if case.fault == "silent" else FAULTS[case.protocol][case.fault]()
    with collector as started:
        done = subprocess.run(
            [sys.executable, "-m", "tests.telemetry.health_program", *case[1:]],
            capture_output=True,
            text=True,
            timeout=200,
            env=inherited
            | {
                "OTEL_EXPORTER_OTLP_ENDPOINT": started.endpoint,
                "OTEL_EXPORTER_OTLP_TIMEOUT": str(HANGING_SECONDS if case.fault == "silent" else TIMEOUT_SECONDS),
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                "OTEL_BSP_MAX_QUEUE_SIZE": "512",
            },
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["exporters"]
    return found[0] | {"sends_there": started.endpoint.rpartition("/")[2] in found[0]["endpoint"]}


@pytest.fixture(scope="module")
def result() -> Iterator[Result]:
    """Answers what the page says in a case; all of them are started together, for they mostly wait."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {case: pool.submit(run_program, case) for case in CASES}
        yield lambda *case: runs[Case(*case)].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_exporter_is_named(result: Result, case: Case) -> None:
    exporter = result(*case)

    assert exporter["name"] == f"opentelemetry.exporter.otlp.proto.{case.protocol}.trace_exporter.OTLPSpanExporter"
    assert exporter["processor"].endswith(f".{PROCESSORS[case.processor]}")
    assert exporter["sends_there"]
    assert exporter["is_watched"]


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("protocol", FAULTS)
def test_success(result: Result, protocol: str, processor: str) -> None:
    exporter = result("none", protocol, processor, "success")

    assert exporter["last_success_at"] == pytest.approx(time.time(), abs=600)
    assert exporter["exported"] > 0
    assert (exporter["failures"], exporter["lost"], exporter["reason"]) == (0, 0, "")


@pytest.mark.parametrize(("protocol", "fault"), REASONS)
def test_failure_has_its_reason(result: Result, protocol: str, fault: str) -> None:
    exporter = result(fault, protocol, "batch", "failure")

    assert exporter["failures"] > 0
    assert exporter["lost"] > 0
    assert any(reason in exporter["reason"] for reason in REASONS[protocol, fault]), exporter["reason"]
    assert exporter["last_failure_at"] == pytest.approx(time.time(), abs=600)
    assert (exporter["last_success_at"], exporter["exported"]) == (None, 0)


@pytest.mark.parametrize("protocol", SILENT)
def test_export_that_hangs(result: Result, protocol: str) -> None:
    exporter = result("silent", protocol, "batch", "running")

    assert exporter["running_since"] == pytest.approx(time.time(), abs=600)


@pytest.mark.parametrize("protocol", SILENT)
def test_queue_that_overflows(result: Result, protocol: str) -> None:
    assert result("silent", protocol, "batch", "dropped")["dropped"] > 0


def test_simple_processor_with_a_collector_that_refuses(result: Result) -> None:
    exporter = result("400", "http", "simple", "failure")

    assert exporter["reason"] == "HTTP 400"
    assert exporter["lost"] >= exporter["failures"] > 0
    assert exporter["dropped"] is None
