"""The monitor's pages at another address."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("internal/dispatches/", include("signal_monitor.urls"))]
