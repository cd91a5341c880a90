"""A list of things to do."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models, transaction
from django.dispatch import Signal

from demo.todos.signals import todo_complete, todo_done, todo_undone


class TodoQuerySet(models.QuerySet["Todo"]):
    """Todos of one user."""

    def of(self, user: User | AnonymousUser) -> TodoQuerySet:
        """The todos of a user; all visitors who are not logged in share one list."""
        return self.filter(owner=user) if isinstance(user, User) else self.filter(owner=None)


class Todo(models.Model):
    """A thing to do: it can be done and undone until it is complete. A signal is sent when its status changes."""

    class Status(models.TextChoices):
        """The state of a todo."""

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
        """Mark it complete; this cannot be undone."""
        self._mark(self.Status.COMPLETE, todo_complete)

    def mark_done(self) -> None:
        """Mark it done."""
        self._mark(self.Status.DONE, todo_done)

    def mark_undone(self) -> None:
        """Mark it not done."""
        self._mark(self.Status.OPEN, todo_undone)

    def _mark(self, status: str, signal: Signal) -> None:
        with transaction.atomic():
            if Todo.objects.select_for_update().filter(pk=self.pk, status=status).exists():
                return  # marked before: nothing has changed
            self.status = status
            self.save(update_fields=["status", "changed_at"])
        signal.send(sender=self.__class__, item=self)
