"""Settings of a site that allows every host, and trusts some origins."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - all of them

ALLOWED_HOSTS = ["*"]
CSRF_TRUSTED_ORIGINS = ["https://monitor.example", "http://monitor.example:8080", "https://*.wild.example"]
