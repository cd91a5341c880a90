"""Articles that were published, and the chores that came of it."""

from __future__ import annotations

from django.db import models

KEPT = 40


class PublicationManager(models.Manager["Publication"]):
    """The publications, as many as one needs to look back on."""

    def forget_old(self) -> None:
        """Forget all but the last KEPT."""
        last = self.order_by("-pk").values_list("pk", flat=True)[:KEPT]
        self.exclude(pk__in=list(last)).delete()


class Publication(models.Model):
    """One press of one of the two buttons: how long its visitor waited, and when the last chore was done."""

    class How(models.TextChoices):
        """Who does the chores."""

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
        """From its publication until the last chore was done; None while that is not so."""
        return (self.finished_at - self.published_at).total_seconds() if self.finished_at else None


class Chore(models.Model):
    """One of the things to be done when an article is out, done."""

    publication = models.ForeignKey(Publication, models.CASCADE, related_name="chores")
    name = models.SlugField()
    done_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name
