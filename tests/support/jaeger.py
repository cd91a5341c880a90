"""A real Jaeger: it takes spans over OTLP, and gives back through its API what it has kept.

To build one, which takes some six minutes of a processor::

    go mod init x
    go get -tool github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0
    go build -o ~/bin/jaeger github.com/jaegertracing/jaeger/cmd/jaeger
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .decoding import Span, decode_spans
from .servers import ROOT, wait_until

START_SECONDS = 60.0
STOP_SECONDS = 30.0
MAX_TRACES = 1_000
UI_CONFIGURATION = ROOT / "docs" / "jaeger-ui.json"


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A running Jaeger. ``endpoint`` is for OTEL_EXPORTER_OTLP_ENDPOINT, over HTTP; ``url`` has the pages."""

    endpoint: str
    url: str

    def spans(self, trace_id: str) -> list[Span]:
        """The spans of a trace, once there are any."""
        assert wait_until(lambda: bool(self._fetch(trace_id)), START_SECONDS), f"Jaeger has no trace {trace_id}"
        return self._fetch(trace_id)

    def _fetch(self, trace_id: str) -> list[Span]:
        try:
            with urlopen(f"{self.url}/api/v3/traces/{trace_id}", timeout=30) as response:  # noqa: S310 - the Jaeger that the test started
                data = json.load(response)["result"]
        except HTTPError as error:
            if error.code != 404:
                raise
            return []
        return list(decode_spans(ParseDict(_with_bytes(data), ExportTraceServiceRequest()), "jaeger"))


def _with_bytes(value: Any) -> Any:
    """OTLP's JSON has ids in hexadecimal; protobuf's has all bytes in base 64."""
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in {"traceId", "spanId", "parentSpanId"}
        else _with_bytes(item)
        for key, item in value.items()
    }


def find_jaeger() -> str:
    """The path of Jaeger's program; skips the test if there is none, in CI too, which does not build it."""
    path = shutil.which("jaeger")
    if path is None:
        pytest.skip("jaeger is not on the PATH (tests/support/jaeger.py says how to build it)")
    return path


@contextmanager
def running_jaeger(program: str) -> Iterator[Jaeger]:
    """A Jaeger that keeps spans in memory while the block runs."""
    otlp, pages, others = _unused_port(), _unused_port(), [_unused_port() for _ in range(2)]
    with tempfile.TemporaryDirectory(prefix="jaeger-") as name:
        directory = Path(name)
        (directory / "config.yaml").write_text(json.dumps(_configuration(otlp, pages, *others)))
        log_path = directory / "jaeger.log"
        with (
            log_path.open("wb") as log,
            subprocess.Popen(
                [program, "--config", str(directory / "config.yaml")], stdout=log, stderr=log, cwd=directory
            ) as process,
        ):
            jaeger = Jaeger(f"http://127.0.0.1:{otlp}", f"http://127.0.0.1:{pages}")
            try:
                wait_until(lambda: process.poll() is not None or _answers(jaeger.url), START_SECONDS)
                assert _answers(jaeger.url), log_path.read_text(errors="replace")
                yield jaeger
            finally:
                _stop(process)


def _configuration(otlp: int, pages: int, grpc_pages: int, metrics: int) -> dict[str, Any]:
    """The configuration of Jaeger 2: spans over HTTP, kept in memory, shown on its pages. JSON is YAML as well."""
    here = "127.0.0.1"
    reader = {"pull": {"exporter": {"prometheus": {"host": here, "port": metrics}}}}
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": [], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"readers": [reader]}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"kept": {"memory": {"max_traces": MAX_TRACES}}}},
            "jaeger_query": {
                "storage": {"traces": "kept"},
                "ui": {"config_file": str(UI_CONFIGURATION)},
                "http": {"endpoint": f"{here}:{pages}"},
                "grpc": {"endpoint": f"{here}:{grpc_pages}"},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{here}:{otlp}"}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "kept"}},
    }


def _unused_port() -> int:
    """A port that was free a moment ago: Jaeger does not say which it has chosen."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/api/v3/services", timeout=5):  # noqa: S310 - the Jaeger that the test started
            return True
    except (URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
