"""Signals of celery-task-manager's own class, and what a program does with them; for when Django is set up."""

from __future__ import annotations

import asyncio
from typing import Any

from django.db import connection
from task_manager.django.dispatch import Emisor
from task_manager.django.models import SignalError

from . import work

emisor = Emisor("interop")
done = emisor.signal("done")
failed = emisor.signal("failed", use_caching=True)


def connect() -> None:
    """Connect the receivers, and make the table that errors are written to."""
    done.connect(work.reserve)
    failed.connect(work.reserve)
    failed.connect(work.refuse)
    with connection.schema_editor() as editor:
        editor.create_model(SignalError)


def run() -> list[Any]:
    """All four methods, with and without a failure."""
    work.answers.clear()
    for signal in (done, failed):
        work.tell(signal.send, work.Order)
        work.tell(signal.send_robust, work.Order)
        asyncio.run(work.atell(signal.asend, work.Order))
        asyncio.run(work.atell(signal.asend_robust, work.Order))
    return list(work.answers)


def take_errors() -> list[Any]:
    """The errors that were written since the last time this was asked."""
    errors = [list(row) for row in SignalError.objects.values_list("signal_name", "exception_name", "attempts")]
    SignalError.objects.all().delete()
    return errors
