"""The ASGI application of a project: Django's own, and the websocket of the live pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core import asgi

from signal_monitor.dashboard.addresses import path_info_of
from signal_monitor.instrumentation import suppress
from signal_monitor.middleware import PATH as MIDDLEWARE
from signal_monitor.mounts import is_own_path

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
# Django's and Channels' stubs name the three arguments by types that do not agree.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def get_asgi_application(*, websocket: Application | None = None) -> Application:
    """Set up Django, and return its application with the websocket of the live pages.

    ``websocket`` is the project's own application for all other websockets; without it, they are refused.
    """
    http = asgi.get_asgi_application()
    # Imported here, because it may import models.
    from signal_monitor.routing import is_for_live, live

    others = websocket or _refuse

    async def serve_http(scope: Scope, receive: Receive, send: Send) -> None:
        # With the middleware, the resolved view decides what is observed.
        if MIDDLEWARE in settings.MIDDLEWARE or not is_own_path(path_info_of(scope)):
            await http(scope, receive, send)
            return
        with suppress():
            await http(scope, receive, send)

    async def serve_websocket(scope: Scope, receive: Receive, send: Send) -> None:
        application = live if is_for_live(scope) else others
        await application(scope, receive, send)

    return ProtocolTypeRouter({"http": serve_http, "websocket": serve_websocket, "lifespan": _lifespan})


async def _refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake: a server answers with a 403 if the application closes before it accepts."""
    await receive()
    await send({"type": "websocket.close"})


async def _lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Acknowledge the start and the end of the server; there is nothing else to do."""
    asked = ""
    while asked != "lifespan.shutdown":
        asked = (await receive())["type"]
        await send({"type": f"{asked}.complete"})
