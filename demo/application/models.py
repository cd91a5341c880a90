"""Tasks that have ended."""

from __future__ import annotations

from django.db import models

KEPT = 50


class FinishedTaskManager(models.Manager["FinishedTask"]):
    """The finished tasks; only the last KEPT are stored."""

    def keep(self, *, task_id: str, name: str, process_id: int) -> FinishedTask:
        """Store a finished task, and delete all but the last KEPT."""
        finished = self.create(task_id=task_id, name=name, process_id=process_id)
        last = self.order_by("-pk").values("pk")[:KEPT]
        self.exclude(pk__in=last).delete()
        return finished


class FinishedTask(models.Model):
    """One run of a task, and the process in which it ran."""

    task_id = models.CharField(max_length=64)
    name = models.CharField(max_length=80)
    process_id = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    objects = FinishedTaskManager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.name} {self.task_id[:8]} in process {self.process_id}"
