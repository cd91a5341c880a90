"""The application app."""

from __future__ import annotations

from django.apps import AppConfig


class ApplicationConfig(AppConfig):
    """A task and its signal."""

    name = "demo.application"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.application import receivers  # noqa: F401 - connects on import, once models are loaded
