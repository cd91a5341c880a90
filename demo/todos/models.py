"""A list of things to do."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.dispatch import Signal

from demo.todos.signals import todo_complete, todo_done, todo_undone


class TodoQuerySet(models.QuerySet["Todo"]):
    """Todos, by who may see them."""

    def of(self, user: User | AnonymousUser) -> TodoQuerySet:
        """A user's own; whoever has not logged in shares one list."""
        return self.filter(owner=user) if isinstance(user, User) else self.filter(owner=None)


class Todo(models.Model):
    """A thing to do: done and undone as often as one likes, until it is complete for good."""

    class Status(models.TextChoices):
        """How far it is."""

        OPEN = "open", "open"
        DONE = "done", "done"
        COMPLETE = "complete", "complete"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="todos")
    title = models.CharField(max_length=120)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TodoQuerySet.as_manager()

    class Meta:
        ordering = ("-status", "-pk")

    def __str__(self) -> str:
        return self.title

    def mark_complete(self) -> None:
        """Close it for good."""
        self._mark(self.Status.COMPLETE, todo_complete)

    def mark_done(self) -> None:
        """Tick it off."""
        self._mark(self.Status.DONE, todo_done)

    def mark_undone(self) -> None:
        """Take the tick away."""
        self._mark(self.Status.OPEN, todo_undone)

    def _mark(self, status: str, signal: Signal) -> None:
        self.status = status
        self.save(update_fields=["status", "changed_at"])
        signal.send(sender=self.__class__, item=self)
