"""The movies app."""

from __future__ import annotations

from django.apps import AppConfig


class MoviesConfig(AppConfig):
    """A movie search, in the request or in the task queue."""

    name = "demo.movies"

    def ready(self) -> None:
        """Connect the receivers."""
        from demo.movies import receivers  # noqa: F401 - connects on import, once models are loaded
