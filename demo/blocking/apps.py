"""The blocking app."""

from __future__ import annotations

from django.apps import AppConfig


class BlockingConfig(AppConfig):
    """What the visitor waits for, and what a task queue can take off them."""

    name = "demo.blocking"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.blocking import receivers  # noqa: F401 - connects on import, once models are loaded
