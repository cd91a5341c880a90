"""A site's application whose live pages are ever new and very large, and whose sockets wait a second and no longer."""

from __future__ import annotations

import itertools
from typing import Any, cast

import django
from channels.routing import URLRouter
from django.urls import path

from signal_monitor.asgi import get_asgi_application

django.setup()

from signal_monitor.dashboard.consumer import LiveConsumer  # noqa: E402 - what it imports needs Django set up
from signal_monitor.dashboard.frames import Rendering  # noqa: E402
from signal_monitor.dashboard.hub import Hub  # noqa: E402
from signal_monitor.dashboard.pages.base import View  # noqa: E402

_numbers = itertools.count()


def _render(view: View) -> Rendering:
    return Rendering({"main": f"<p>{view.page} {next(_numbers)} {'x' * 500_000}</p>"})


_hub = Hub(_render, lambda: str(next(_numbers)), interval=0.05, max_views=2)
_live = LiveConsumer.as_asgi(hub=lambda: _hub, silent_seconds=1.0, recheck_seconds=0.3)

_routes: list[Any] = [path("impatient/", cast("Any", _live))]

application = get_asgi_application(websocket=URLRouter(_routes))
