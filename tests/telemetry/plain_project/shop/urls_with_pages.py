"""The project's page, and those of the monitor, which anyone may see."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import include, path

from .urls import urlpatterns as others

urlpatterns = [*others, path("signals/", include("signal_monitor.urls"))]


def everybody(_request: HttpRequest) -> bool:
    """Let all in."""
    return True
