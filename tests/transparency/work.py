"""Tasks that save rows until their time is over; Celery's and rq's workers run them, with the monitor or without it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import django
from celery import Celery
from django.conf import settings

from demo.broker import SCHEME, options

from .run import configure
from .scenario import Mode, monitor

DIRECTORY = Path(os.environ.get("PROGRAMS_DIRECTORY", "."))
MODE: Any = os.environ.get("PROGRAMS_MODE", "plain")
SAVES = 20_000


def set_up(mode: Mode) -> None:
    """Set Django up with a database in memory, in the process that works."""
    monitor.mode = mode
    configure(mode)
    django.setup()
    if mode == "bare":
        monitor.put_on()


if not settings.configured:
    set_up(MODE)

app = Celery("programs", broker=f"{SCHEME}://", broker_transport_options=options(DIRECTORY), set_as_current=False)
app.conf.update(
    worker_hijack_root_logger=False, worker_send_task_events=False, broker_connection_retry_on_startup=False
)


def save_until_struck(number: int) -> None:
    """Save a row again and again; says in a file what has ended it."""
    row = importlib.import_module("tests.transparency.programs.alarms").prepare()
    ended = "nothing"
    try:
        for _ in range(SAVES):
            row.save()
    except Exception as error:  # noqa: BLE001 - the limit, or what has become of it
        ended = type(error).__name__
    (DIRECTORY / f"{number}.ended").write_text(ended)


@app.task(name="save", ignore_result=True)
def save(number: int) -> None:
    """A task of Celery's."""
    save_until_struck(number)
