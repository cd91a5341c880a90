"""The URLs of the dashboard: each page, its JSON under ``api/``, its exports, and the live parts for polling."""

from __future__ import annotations

from django.urls import URLPattern, path

from signal_monitor.dashboard import views
from signal_monitor.dashboard.markdown import MARKDOWN
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


def _exports() -> list[URLPattern]:
    return [
        *(
            path(views.markdown_route(name), views.show_markdown, {"page": name}, name=f"markdown_{name}")
            for name in MARKDOWN
        ),
        *(
            path(f"api/{views.trace_route(name)}", views.show_trace, {"page": name}, name=f"trace_{name}")
            for name in views.TRACED
        ),
    ]


urlpatterns = [
    *_html(),
    *_json(),
    *_exports(),
    path("follow/", views.follow, name="follow"),
    path("fragments/<str:page>/", views.show_parts, name="fragments"),
]
