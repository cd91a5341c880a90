"""The site as an ASGI application."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIHandler

from .wsgi import site

__all__ = ["application", "site"]

application = ASGIHandler()
