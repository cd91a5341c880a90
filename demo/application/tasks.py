"""A task that sends a signal when it is done."""

from __future__ import annotations

import time

from celery import Task, shared_task

from demo.application.signals import some_task_done

WORK_SECONDS = 0.05


@shared_task(bind=True)
def do_some_task(self: Task) -> None:
    """Work for a moment, then send the signal."""
    time.sleep(WORK_SECONDS)
    some_task_done.send(sender="do_some_task", task_id=self.request.id)
