"""The pages at the root, behind the pages of the site."""

from __future__ import annotations

from django.urls import include, path

from tests.mounts.urls import urlpatterns as site

urlpatterns = [*site, path("", include("signal_monitor.urls"))]
