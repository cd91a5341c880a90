"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Sign-up, login and profiles."""

    name = "demo.accounts"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.accounts import receivers  # noqa: F401 - connects on import, once models are loaded
