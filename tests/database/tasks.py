"""A task of ``django.tasks``, for Django 6.0 and later."""

from __future__ import annotations

from typing import Any

from django.tasks import TaskResult, TaskResultStatus, task
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.signals import task_enqueued


@task
def do_nothing() -> None:
    pass


def _sent(backend: BaseTaskBackend, task: Any, args: Any, kwargs: Any) -> Any:
    times: dict[str, Any] = dict.fromkeys(("enqueued_at", "started_at", "finished_at", "last_attempted_at"))
    lists: dict[str, Any] = {"errors": [], "worker_ids": []}
    make: Any = TaskResult
    result = make(
        task=task,
        id="1",
        status=TaskResultStatus.READY,
        args=args,
        kwargs=kwargs,
        backend=backend.alias,
        **times,
        **lists,
    )
    task_enqueued.send(type(backend), task_result=result)
    return result


class DatabaseBackend(BaseTaskBackend):
    """A backend that stores tasks in the same database as other rows."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        return _sent(self, task, args, kwargs)


class ServiceBackend(BaseTaskBackend):
    """A backend that hands tasks to a service."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        return _sent(self, task, args, kwargs)
