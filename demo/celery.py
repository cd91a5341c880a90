"""The demo's task queue: ``celery -A demo worker`` runs what the site and its commands queue."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

app = Celery("demo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def trace(**_kwargs: object) -> None:
    """Export traces from the process that runs the tasks, because exporters do not survive a fork."""
    from demo import telemetry

    telemetry.configure(telemetry.WORKER)


@worker_process_shutdown.connect
def finish_traces(**_kwargs: object) -> None:
    """Export the last traces of a process that runs tasks; the pool ends it with os._exit()."""
    from demo import telemetry

    telemetry.finish()


@worker_ready.connect
def tell_readiness(**_kwargs: object) -> None:
    """Create the file by which the parent process knows that the worker is ready."""
    if path := os.environ.get("DEMO_WORKER_READY_FILE"):
        Path(path).touch()
