"""Settings for the tests, and for the sites that tests start: the demo site's, with a few pages more.

A started site is told through the environment what is its own: the database, the store and whether it debugs.
"""

from __future__ import annotations

import os

os.environ.setdefault("DEMO_SECRET_KEY", "for tests only")
os.environ.setdefault("DEMO_DATABASE", ":memory:")

from demo.settings import *  # noqa: F403 - the demo reads its environment when it is imported

DEBUG = os.environ.get("TESTS_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
ROOT_URLCONF = "tests.urls"
ASGI_APPLICATION = "tests.asgi.application"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# pytest-xdist gives each of its processes databases of its own, of the engines that pytest-django knows.
for database in DATABASES.values():  # noqa: F405
    database["ENGINE"] = "django.db.backends.sqlite3"

SIGNAL_MONITOR = {"STORE": os.environ.get("TESTS_STORE", "memory"), "DATABASE_WORK": True}

# Tests leave no message for a demo that runs beside them; those that have a worker start it with the demo's settings.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
