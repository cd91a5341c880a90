"""The application of the sites that tests start: the monitor's, and the static files that its pages need."""

from __future__ import annotations

import logging
import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from signal_monitor.asgi import get_asgi_application
from tests.support.anew import asgi_that_begins_anew

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

monitored = get_asgi_application()
application = asgi_that_begins_anew(ASGIStaticFilesHandler(monitored))  # type: ignore[arg-type]  # any application will do

# Django logs a swallowed failure with its traceback; those that the tests ask for are no faults of the site.
logging.getLogger("django.dispatch").setLevel(logging.CRITICAL)
