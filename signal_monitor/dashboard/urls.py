"""The dashboard's addresses: every page, its JSON twin under api/, and the live parts for polling."""

from __future__ import annotations

from django.urls import URLPattern, path

from signal_monitor.dashboard import api, views

app_name = "signal_monitor"

ROUTES = {
    "overview": "",
    "live": "live/",
    "signals": "signals/",
    "signal": "signals/<path:name>/",
    "receivers": "receivers/",
    "receiver": "receivers/<path:name>/",
    "senders": "senders/",
    "dispatch": "dispatches/<str:dispatch_id>/",
    "requests": "requests/",
    "request": "requests/<str:request_id>/",
    "health": "health/",
}


def _pages() -> list[URLPattern]:
    return [path(route, views.show, {"page": page}, name=page) for page, route in ROUTES.items()]


def _twins() -> list[URLPattern]:
    twins = {page: route or "overview/" for page, route in ROUTES.items()}
    return [path(f"api/{route}", api.twin, {"page": page}, name=f"api_{page}") for page, route in twins.items()]


urlpatterns = [*_pages(), *_twins(), path("fragments/<str:page>/", views.fragments, name="fragments")]
