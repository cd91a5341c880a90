"""The settings of the tests' sites, with the place of the pages taken from the environment."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE as MIDDLEWARE_OF_TESTS

ROOT_URLCONF = os.environ["MOUNTS_URLCONF"]
ASGI_APPLICATION = "tests.mounts.asgi.application"
ALLOWED_HOSTS = ["127.0.0.1", ".localhost"]
STATIC_URL = "static/"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
MIDDLEWARE = [
    *MIDDLEWARE_OF_TESTS,
    "django.middleware.locale.LocaleMiddleware",
    "tests.mounts.middleware.urlconf_by_host",
    "tests.mounts.middleware.maintenance",
]
FORCE_SCRIPT_NAME = os.environ.get("MOUNTS_FORCE_SCRIPT_NAME") or None
