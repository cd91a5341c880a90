"""The receiver of finished tasks; it runs in the process of the worker."""

from __future__ import annotations

import os

from django.dispatch import receiver

from demo.application.models import FinishedTask
from demo.application.signals import some_task_done


@receiver(some_task_done)
def keep_finished_task(sender: str, task_id: str, **_kwargs: object) -> None:
    """Store which task is finished, and the process that it ran in."""
    FinishedTask.objects.keep(task_id=task_id, name=sender, process_id=os.getpid())
