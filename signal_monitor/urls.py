"""Include this in your URLs: ``path("signals/", include("signal_monitor.urls"))``."""

from __future__ import annotations

from signal_monitor.dashboard.urls import app_name, urlpatterns

__all__ = ["app_name", "urlpatterns"]
