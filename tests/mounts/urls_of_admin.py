"""The pages on one host only: ``tests.mounts.middleware`` chooses this URLconf for it."""

from __future__ import annotations

from django.urls import include, path

from tests.mounts.urls import urlpatterns as site

urlpatterns = [*site, path("internal/monitor/", include("signal_monitor.urls"))]
