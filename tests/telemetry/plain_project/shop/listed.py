"""The same project with the monitor among its applications."""

from __future__ import annotations

from .settings import *  # noqa: F403
from .settings import INSTALLED_APPS as OTHERS
from .settings import MIDDLEWARE as PLAIN
from .settings import SIGNAL_MONITOR as GIVEN

INSTALLED_APPS = ["signal_monitor", "django_htmx", *OTHERS]
MIDDLEWARE = ["django_htmx.middleware.HtmxMiddleware", *PLAIN]
ROOT_URLCONF = "shop.urls_with_pages"
SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": "shop.urls_with_pages.everybody", **GIVEN}
