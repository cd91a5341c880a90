"""Beside tools that trace: each sees what it sees alone, with our spans in its traces, and nothing of our own work."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.servers import ROOT, unavailable

from .conftest import ENVIRONMENT

pytestmark = pytest.mark.slow

OPTIONAL = {
    "logfire": "logfire is not installed (pip install --group interop)",
    "ddtrace": "ddtrace is not installed (pip install --group interop)",
}
MODULES = {"sentry": "sentry_sdk", "logfire": "logfire", "ddtrace": "ddtrace"}
SPANS = 32
"""Our spans of a request: of ten dispatches, and of their receivers."""
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run() -> Run:
    """Runs the program with a tool, alone or beside the monitor, once for the module."""

    @functools.cache
    def report(tool: str, *monitor: str) -> dict[str, Any]:
        if importlib.util.find_spec(MODULES[tool]) is None:
            if tool in OPTIONAL:
                pytest.skip(OPTIONAL[tool])
            unavailable(f"{MODULES[tool]} is not installed (pip install --group test)")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
        environment.pop("PYTHONDEVMODE", None)  # what it finds in the tools is theirs
        done = subprocess.run(
            [sys.executable, "-m", "tests.interop.tracing_program", tool, *monitor],
            capture_output=True,
            text=True,
            timeout=200,
            env=environment | ENVIRONMENT,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]

    return report


def is_ours(name: str) -> bool:
    return name.startswith(("send ", "receive "))


@pytest.mark.parametrize("tool", MODULES)
def test_program_answers_the_same(run: Run, tool: str) -> None:
    assert run(tool, "monitor")["answers"] == run(tool)["answers"]


@pytest.mark.parametrize("tool", MODULES)
def test_tool_sees_what_it_sees_alone(run: Run, tool: str) -> None:
    beside = [name for name, _ in run(tool, "monitor")["requests"] if not is_ours(name)]

    assert beside
    assert Counter(beside) == Counter(name for name, _ in run(tool)["requests"])


@pytest.mark.parametrize("tool", MODULES)
def test_our_own_work_is_in_nobodys_trace(run: Run, tool: str) -> None:
    assert run(tool)["rest"] == run(tool, "monitor")["rest"] == []


@pytest.mark.parametrize("tool", ["sentry", "logfire"])
def test_our_spans_are_in_the_tools_traces(run: Run, tool: str) -> None:
    spans = run(tool, "monitor")["requests"]

    assert sum(is_ours(name) for name, _ in spans) == 2 * SPANS
    assert [name for name, parent in spans if parent is None] == []
    assert {parent for name, parent in spans if name.startswith("receive interop.reserve")} <= {
        f"send {signal}" for signal in ("placed", "cached", "refused", "notified")
    }
    assert Counter(name for name, parent in spans if parent == "") == {"GET shop/": 2}
