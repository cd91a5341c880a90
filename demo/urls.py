"""Pages of the demo site, and the dashboard under ``/signals/``."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", include("demo.home.urls")),
    path("todos/", include("demo.todos.urls")),
    path("accounts/", include("demo.accounts.urls")),
    path("academy/invitations/", include("demo.authenticate.urls")),
    path("academy/cohorts/", include("demo.admissions.urls")),
    path("academy/api/", include("demo.admissions.api_urls")),
    path("academy/marketing/", include("demo.marketing.urls")),
    path("tasks/", include("demo.application.urls")),
    path("movies/", include("demo.movies.urls")),
    path("blocking/", include("demo.blocking.urls")),
    path("pitfalls/", include("demo.pitfalls.urls")),
    path("signals/", include("signal_monitor.urls")),
    path("admin/", admin.site.urls),
    # Browsers request this icon for pages that name none, such as those of the admin.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}demo/favicon.svg")),
]
