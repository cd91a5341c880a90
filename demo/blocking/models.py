"""Published articles, and their chores."""

from __future__ import annotations

from django.db import models

KEPT = 40


class PublicationManager(models.Manager["Publication"]):
    """The publications; only the last KEPT are stored."""

    def forget_old(self) -> None:
        """Delete all but the last KEPT."""
        last = self.order_by("-pk").values_list("pk", flat=True)[:KEPT]
        self.exclude(pk__in=list(last)).delete()


class Publication(models.Model):
    """One click on one of the two buttons: how long its visitor waited, and when the last chore was done."""

    class How(models.TextChoices):
        """Whether receivers or tasks do the chores."""

        SIGNAL = "signal", "ten receivers"
        TASKS = "tasks", "ten tasks"

    how = models.CharField(max_length=6, choices=How)
    waited_ms = models.FloatField(null=True)
    published_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = PublicationManager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.get_how_display()} at {self.published_at:%H:%M:%S}"

    @property
    def took_seconds(self) -> float | None:
        """Time from the publication until the last chore was done; None before that."""
        return (self.finished_at - self.published_at).total_seconds() if self.finished_at else None


class Chore(models.Model):
    """A chore that is done."""

    publication = models.ForeignKey(Publication, models.CASCADE, related_name="chores")
    name = models.SlugField()
    done_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name
