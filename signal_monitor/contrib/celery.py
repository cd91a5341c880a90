"""Attributes dispatches in a Celery task to this task."""

from __future__ import annotations

import sys
from typing import Any

from celery.exceptions import Retry
from celery.signals import task_postrun, task_prerun

from signal_monitor.errors import guarded
from signal_monitor.instrumentation.current import current_origin
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.pipeline.request_origin import TimedOrigin
from signal_monitor.text import cleaned

UID = "signal_monitor"


FAILURE = "FAILURE"
"""Celery's state of a task that has raised and is not tried again."""


RETRY = "RETRY"


class TaskOrigin(TimedOrigin):
    """A Celery task that is running."""

    __slots__ = ("name", "state", "task_id")
    subject = "task"

    def __init__(self, name: str, task_id: str) -> None:
        super().__init__("task", f"{name}[{task_id[:8]}]")
        self.name = cleaned(name)
        self.task_id = task_id
        self.state: str | None = None

    @property
    def key(self) -> str:
        """The name of the task."""
        return self.name

    @property
    def failed(self) -> bool:
        """Whether it has raised, and is not tried again."""
        return self.state == FAILURE


@guarded("the start of a task", None)
def _begin(task_id: str, task: Any, **_kwargs: object) -> None:  # noqa: ANN401 - Celery has no types
    begin_origin(TaskOrigin(task.name, task_id))


@guarded("the end of a task", None)
def _end(task_id: str, state: str | None = None, **_kwargs: object) -> None:
    origin = current_origin()
    if isinstance(origin, TaskOrigin) and origin.task_id == task_id:
        # Where a task runs at once and its exception goes to the caller, there is no state.
        origin.state = state or (RETRY if isinstance(sys.exception(), Retry) else FAILURE)
        origin.end()
        end_origin(origin)
        origin.closed = True
        record_queue.append(origin)


def connect() -> None:
    """Attribute dispatches to tasks from now on; calling it again changes nothing."""
    task_prerun.connect(_begin, weak=False, dispatch_uid=UID)
    task_postrun.connect(_end, weak=False, dispatch_uid=UID)


def disconnect() -> None:
    """Stop attributing dispatches to tasks."""
    task_prerun.disconnect(dispatch_uid=UID)
    task_postrun.disconnect(dispatch_uid=UID)
