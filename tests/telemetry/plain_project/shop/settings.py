"""The settings of a project that does not list the monitor; the tests say what it tells the instrumentor."""

from __future__ import annotations

import json
import os

SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["shop"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
SIGNAL_MONITOR = json.loads(os.environ.get("SHOP_SIGNAL_MONITOR", "{}"))
