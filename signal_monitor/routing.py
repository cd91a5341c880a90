"""The websocket routes, for a project with a router of its own."""

from __future__ import annotations

from signal_monitor.dashboard.routing import websocket_urlpatterns

__all__ = ["websocket_urlpatterns"]
