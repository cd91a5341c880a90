"""The demo site for an ASGI server: pages, the dashboard's websocket and static files, with and without DEBUG."""

from __future__ import annotations

import os
from typing import cast

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.handlers.asgi import ASGIHandler

from demo import telemetry
from signal_monitor.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

telemetry.configure()
monitored = get_asgi_application()
application = ASGIStaticFilesHandler(cast("ASGIHandler", monitored))
