"""The application of the sites that tests start: the monitor's, and the static files that its pages need."""

from __future__ import annotations

import logging
import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from signal_monitor.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

application = ASGIStaticFilesHandler(get_asgi_application())  # type: ignore[arg-type]  # any application will do

# Django logs a swallowed failure with its traceback; those that the tests ask for are no faults of the site.
logging.getLogger("django.dispatch").setLevel(logging.CRITICAL)
