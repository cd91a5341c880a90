"""Buttons that were pressed on the pitfalls page."""

from __future__ import annotations

from django.db import models

KEPT = 20


class PressManager(models.Manager["Press"]):
    """The presses, as many as one needs to look back on."""

    def keep(self, *, pitfall: str, waited_ms: float, what_happened: str) -> Press:
        """Keep a press, and forget all but the last KEPT of its pitfall."""
        press = self.create(pitfall=pitfall, waited_ms=waited_ms, what_happened=what_happened)
        last = self.filter(pitfall=pitfall).order_by("-pk").values("pk")[:KEPT]
        self.filter(pitfall=pitfall).exclude(pk__in=last).delete()
        return press


class Press(models.Model):
    """One press of one button: how long its visitor waited, and what they saw of it."""

    pitfall = models.SlugField()
    waited_ms = models.FloatField()
    what_happened = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    objects = PressManager()

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "presses"

    def __str__(self) -> str:
        return f"{self.pitfall} at {self.at:%H:%M:%S}"
