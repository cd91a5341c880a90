"""The pages in two places, one of them the root."""

from __future__ import annotations

from django.urls import include, path

from tests.mounts.urls import urlpatterns as site

pages = include("signal_monitor.urls")
urlpatterns = [*site, path("signals/of/the/shop/", pages), path("", pages)]
