"""The demo's front page and its commands."""

from __future__ import annotations

from django.apps import AppConfig


class HomeConfig(AppConfig):
    """The front page, and ``manage.py demo`` and ``traffic``."""

    name = "demo.home"
