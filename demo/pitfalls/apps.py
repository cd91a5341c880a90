"""The pitfalls app."""

from __future__ import annotations

from django.apps import AppConfig


class PitfallsConfig(AppConfig):
    """Common mistakes with signals, each behind a button."""

    name = "demo.pitfalls"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.pitfalls import receivers  # noqa: F401 - connects on import, once models are loaded
