"""Profiles, and the logins and logouts of their users."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Profile(models.Model):
    """What a user says about themselves; a receiver creates one for every user."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    display_name = models.CharField(max_length=60, blank=True)
    bio = models.TextField("about you", max_length=500, blank=True)
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.display_name or f"profile {self.pk}"


class LoginEvent(models.Model):
    """A login or a logout of a user."""

    class Kind(models.TextChoices):
        """Login or logout."""

        LOGIN = "login", "logged in"
        LOGOUT = "logout", "logged out"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="login_events")
    kind = models.CharField(max_length=6, choices=Kind)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M:%S}"
