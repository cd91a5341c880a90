"""The authenticate app."""

from __future__ import annotations

from django.apps import AppConfig


class AuthenticateConfig(AppConfig):
    """Invitations to the academy."""

    name = "demo.authenticate"
