"""Run the scenarios of one module: ``python -m tests.transparency.run MODE MODULE [NAME …]``; the names are left out.

One line of JSON per scenario: its name, then what it returned, or what it failed with.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import logging
import sys
import traceback
from contextlib import AbstractContextManager
from typing import Any, cast

import django
from django.conf import settings

from .scenario import Mode, Scenario, monitor, scenarios_of

SECONDS = 20


def configure(mode: Mode) -> None:
    """Settings with a database in memory; with the whole app where it is wanted."""
    app = mode in {"app", "traced"}
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            *(["signal_monitor", "channels"] if app else []),
        ],
        MIDDLEWARE=["signal_monitor.middleware.SignalMonitorMiddleware"] if app else [],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:programs?mode=memory&cache=shared"},
        },
        ROOT_URLCONF="tests.transparency.urls",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SECRET_KEY="for tests only",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
        SIGNAL_MONITOR={"STORE": "memory"},
    )


def start(mode: Mode) -> AbstractContextManager[Any]:
    """Set Django up, and the monitor as the mode says; answers what every scenario runs in."""
    monitor.mode = mode
    configure(mode)
    logging.getLogger("django.dispatch").setLevel(logging.CRITICAL)
    django.setup()
    if mode == "bare":
        monitor.put_on()
    return _recording_span() if mode == "traced" else contextlib.nullcontext()


def _recording_span() -> AbstractContextManager[Any]:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("programs").start_as_current_span("scenarios")


def outcome_of(scenario: Scenario) -> dict[str, Any]:
    """What a scenario returns; one that raises is a program that does not work."""
    try:
        return {"returned": scenario.run()}
    except BaseException:  # noqa: BLE001 - the next scenario is another program
        return {"failed": traceback.format_exc()}


def main(mode: Mode, module: str, *left_out: str) -> None:
    """Run what is not left out, in the order in which it is written."""
    # The result has the standard output for itself, whatever a scenario prints.
    output, sys.stdout = sys.stdout, sys.stderr
    around = start(mode)
    gc.freeze()  # what a scenario collects is its own, and little
    with around:
        for name, item in scenarios_of(module).items():
            if name not in left_out:
                print(json.dumps([name]), file=output, flush=True)
                faulthandler.dump_traceback_later(SECONDS, exit=True)
                print(json.dumps([name, outcome_of(item)]), file=output, flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(cast("Mode", sys.argv[1]), *sys.argv[2:])
