"""The pages of the program under test."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from . import work

urlpatterns: list[URLPattern | URLResolver] = [path("shop/", work.shop), path("call-centre/", work.call_centre)]

if "debug_toolbar" in settings.INSTALLED_APPS:
    from debug_toolbar.toolbar import debug_toolbar_urls

    urlpatterns += debug_toolbar_urls()
