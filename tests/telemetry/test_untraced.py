"""Health says that no dispatch had a recording parent, and what to install: sites under OpenTelemetry's command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.collector import running_collector
from tests.support.servers import LISTENING, wait_until
from tests.telemetry.test_auto_instrumentation import FOREIGN, PROGRAMS, PROJECT

pytestmark = pytest.mark.slow

AT_ONCE = 3
HEARTBEAT_SECONDS = 2.5
"""What a process says of itself is no older than this."""
HIDING = {
    "hiding.py": "import os, sys\n"
    "def hide():\n"
    "    for name in os.environ['HIDDEN'].split():\n"
    "        sys.modules[f'opentelemetry.instrumentation.{name}'] = None\n",
    "hiding-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: hiding\nVersion: 1\n",
    "hiding-1.dist-info/entry_points.txt": "[opentelemetry_pre_instrument]\nhiding = hiding:hide\n",
}
"""What makes an instrumentation look as if it was not installed."""
ASGI, WSGI = ("uvicorn", "--port=0", "shop.asgi:application"), ("gunicorn", "--bind=127.0.0.1:0", "shop.wsgi")


@dataclass(frozen=True)
class Case:
    """A server, the instrumentations that are not installed, variables, and the advice; "" for none."""

    command: tuple[str, ...]
    hidden: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    advice: str = ""


PIN = version("opentelemetry-instrumentation-django")
CASES = {
    "asgi": Case(ASGI),
    "asgi without its instrumentation": Case(
        ASGI, "asgi", advice=f"pip install opentelemetry-instrumentation-asgi=={PIN}"
    ),
    "wsgi": Case(WSGI),
    "wsgi without instrumentation": Case(
        WSGI, "django", advice=f"pip install opentelemetry-instrumentation-django=={PIN}"
    ),
    "asgi without any": Case(
        ASGI,
        "django asgi",
        advice=f"pip install opentelemetry-instrumentation-django=={PIN} opentelemetry-instrumentation-asgi=={PIN}",
    ),
    "switched off": Case(
        WSGI, variables=(("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "django"),), advice="opentelemetry-instrument"
    ),
    "no SDK": Case(WSGI, "django", (("OTEL_SDK_DISABLED", "true"),)),
    "nothing sampled": Case(WSGI, variables=(("OTEL_TRACES_SAMPLER", "always_off"),)),
    "no spans wanted": Case(WSGI, "django", (("SHOP_SIGNAL_MONITOR", '{"SPANS_PER_TRACE": 0}'),)),
}
Health = Callable[[str], dict[str, Any]]


@contextmanager
def served(case: Case) -> Iterator[str]:
    """The project under a server; yields its address."""
    with TemporaryDirectory(prefix="untraced-") as name:
        directory = Path(name)
        for path, text in HIDING.items():
            (directory / path).parent.mkdir(exist_ok=True)
            (directory / path).write_text(text)
        environment = {
            **{name: value for name, value in os.environ.items() if not FOREIGN.match(name)},
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": name,
            "HIDDEN": case.hidden,
            "DJANGO_SETTINGS_MODULE": "shop.listed",
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **dict(case.variables),
        }
        log = directory / "log"
        with log.open("w") as output:
            command = [str(PROGRAMS / "opentelemetry-instrument"), sys.executable, "-m", *case.command]
            server = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=PROJECT)
            try:
                assert wait_until(lambda: LISTENING.search(log.read_text()) is not None), log.read_text()
                found = LISTENING.search(log.read_text())
                yield f"http://127.0.0.1:{found[1] if found else 0}"
            finally:
                server.terminate()
                server.wait(60)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
        return response.read().decode()  # type: ignore[no-any-return]


def health_of(case: Case) -> dict[str, Any]:
    """What health says of a site that has served a request, and how its page words it."""
    with served(case) as address:
        fetch(f"{address}/order/")
        reported(address)
        if case.advice:
            assert wait_until(lambda: bool(reported(address)["without_recording_parent"]))
        else:
            time.sleep(HEARTBEAT_SECONDS)
        process = reported(address)
        return process | {"page": unescape(re.sub(r"<[^>]+>", "", fetch(f"{address}/signals/health/")))}


def reported(address: str) -> dict[str, Any]:
    """What health says of the process that has dispatched, once it says anything."""
    found: list[dict[str, Any]] = []

    def has_reported() -> bool:
        processes = json.loads(fetch(f"{address}/signals/api/health/"))["processes"]
        found[:] = [process for process in processes if process["dispatches"]]
        return bool(found)

    assert wait_until(has_reported)
    return found[0]


@pytest.fixture(scope="module")
def health() -> Iterator[Health]:
    """Answers what health says in a case; several sites run at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {name: pool.submit(health_of, case) for name, case in CASES.items()}
        yield lambda name: runs[name].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.advice])
def test_missing_parent_is_told_with_what_to_do(health: Health, name: str) -> None:
    found = health(name)

    assert found["without_recording_parent"] >= 2
    assert CASES[name].advice in found["advice"]
    assert "No dispatch had a recording parent" in found["page"]
    assert found["advice"] in found["page"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.advice])
def test_nothing_is_told_where_nothing_is_missing(health: Health, name: str) -> None:
    found = health(name)

    assert (found["without_recording_parent"], found["advice"]) == (0, "")
    assert "recording parent" not in found["page"]


OWN_PAGES = ("signals/", "signals/health/", "signals/fragments/overview/", "signals/api/overview/")


def requests_traced(variable: str = "") -> set[str]:
    """The requests that have spans, of a visit to the monitor's pages and then to the project's."""
    with running_collector() as collector:
        exporting = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base_endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with served(Case(ASGI, variables=(*exporting.items(), (variable or "UNUSED", "signals/")))) as address:
            for page in OWN_PAGES:
                fetch(f"{address}/{page}")
            fetch(f"{address}/order/")
            collector.wait_for(1, name="GET order/")
    assert {span.name for span in collector.spans if span.scope == "signal_monitor"} >= {"send ordered"}
    return {span.name for span in collector.spans if not span.parent_id}


@pytest.mark.parametrize("variable", ["OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"])
def test_own_pages_can_be_left_out_of_traces(variable: str) -> None:
    assert requests_traced(variable) == {"GET order/"}


def test_own_pages_have_no_span_but_that_of_the_request() -> None:
    names = requests_traced()

    assert "GET order/" in names
    assert all(name.startswith("GET ") for name in names)
    assert len(names) > 1
