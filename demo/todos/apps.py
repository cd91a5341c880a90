"""The todos app."""

from __future__ import annotations

from django.apps import AppConfig


class TodosConfig(AppConfig):
    """A list of things to do."""

    name = "demo.todos"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.todos import receivers  # noqa: F401 - connects on import, once models are loaded
