"""The demo site for a WSGI server."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from demo import telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

telemetry.configure()
application = get_wsgi_application()
