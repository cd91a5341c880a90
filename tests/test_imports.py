"""What importing a part of the package brings along; ``lint-imports`` holds the layers."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded(statements: str) -> set[str]:
    """The modules that are loaded after some statements, in a fresh process with the tests' settings."""
    script = (
        f"import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n{statements}\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "instrumentation",
        "pipeline",
        "observers.totals",
        "stores.sqlite",
        "middleware",
        "checks",
        "dashboard.urls",
        "testing",
    ],
)
def test_only_telemetry_imports_the_sdk(module: str) -> None:
    modules = loaded(f"import django\ndjango.setup = None\nimport signal_monitor.{module}")

    assert "opentelemetry.sdk" not in modules
    assert f"signal_monitor.{module}" in modules


def test_the_instrumentor_imports_neither_dashboard_nor_stores() -> None:
    modules = loaded("import signal_monitor.instrumentor")

    assert not {"channels", "signal_monitor.dashboard", "signal_monitor.stores"} & modules
