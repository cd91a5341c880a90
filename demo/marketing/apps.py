"""The marketing app."""

from __future__ import annotations

from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """Receivers of the signals of other apps."""

    name = "demo.marketing"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.marketing import receivers  # noqa: F401 - connects on import, once models are loaded
