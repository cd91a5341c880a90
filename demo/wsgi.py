"""The demo site for a WSGI server: pages and static files, with and without DEBUG."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

from demo import telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

telemetry.configure()
application = StaticFilesHandler(get_wsgi_application())
