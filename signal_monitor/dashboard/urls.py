"""The URLs of the dashboard: each page, its JSON under ``api/``, and the live parts for polling."""

from __future__ import annotations

from django.urls import URLPattern, path

from signal_monitor.dashboard import views
from signal_monitor.dashboard.pages import PAGES

app_name = "signal_monitor"


def _html() -> list[URLPattern]:
    moved = path("registry/", views.show_moved, {"page": "signals"}, name="registry")
    return [moved, *(path(page.route, views.show, {"page": name}, name=name) for name, page in PAGES.items())]


def _json() -> list[URLPattern]:
    return [
        path("api/", views.show_api, name="api"),
        path("api/registry/", views.show_json, {"page": "signals"}, name="api_registry"),
        *(
            path(f"api/{route}", views.show_json, {"page": name}, name=f"api_{name}")
            for name, route in views.API_ROUTES.items()
        ),
    ]


urlpatterns = [
    *_html(),
    *_json(),
    path("follow/", views.follow, name="follow"),
    path("fragments/<str:page>/", views.show_parts, name="fragments"),
]
