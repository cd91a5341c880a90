"""A program with tools in it, in a process of its own: what the tools replace, they replace for good."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import ROOT, unavailable

Run = Callable[..., list[dict[str, Any]]]

MODULES = {
    "sentry": "sentry_sdk",
    "ddtrace": "ddtrace",
    "newrelic": "newrelic",
    "toolbar": "debug_toolbar",
    "task_manager": "task_manager",
}
# They stand by themselves: no collector, no agent, no telemetry.
ENVIRONMENT = {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "NEW_RELIC_DEVELOPER_MODE": "true",
}


def _demand(tool: str) -> None:
    """Skip a test whose tool is not installed. CI installs all but ddtrace, which is 45 MB."""
    if importlib.util.find_spec(MODULES[tool]) is not None:
        return
    if tool == "ddtrace":
        pytest.skip("ddtrace is not installed (pip install --group interop)")
    unavailable(f"{MODULES[tool]} is not installed (pip install --group test)")


def _copy_package(directory: Path) -> None:
    """A second copy of the monitor, under another name."""
    copy = directory / "signal_monitor_copy"
    shutil.copytree(ROOT / "signal_monitor", copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for path in copy.rglob("*.py"):
        path.write_text(re.sub(r"\bsignal_monitor\b", copy.name, path.read_text()))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the program with the steps that are given, once for the session; answers its reports."""
    directory = tmp_path_factory.mktemp("interop")
    _copy_package(directory)
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(directory)}
    for name in ("DJANGO_SETTINGS_MODULE", "PYTHONDEVMODE"):  # what it finds in the tools is theirs, and takes its time
        environment.pop(name, None)

    @functools.cache
    def reports(*steps: str) -> list[dict[str, Any]]:
        for tool in MODULES.keys() & set(steps):
            _demand(tool)
        done = subprocess.run(
            [sys.executable, "-m", "tests.interop.program", *steps],
            capture_output=True,
            text=True,
            timeout=240,
            env=environment,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]

    return reports
