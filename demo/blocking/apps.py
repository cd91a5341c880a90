"""The blocking app."""

from __future__ import annotations

from django.apps import AppConfig


class BlockingConfig(AppConfig):
    """The same work in receivers, for which a visitor waits, and in a task queue."""

    name = "demo.blocking"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.blocking import receivers  # noqa: F401 - connects on import, once models are loaded
