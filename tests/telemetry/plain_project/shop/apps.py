"""Connects the receivers."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The shop."""

    name = "shop"

    def ready(self) -> None:
        from . import receivers  # noqa: F401 - connects them
