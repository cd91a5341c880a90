"""The whole application of a project: Django's, and the websocket of the live pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core import asgi

from signal_monitor.instrumentation import suppress

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
# Django's and Channels' stubs name the three arguments by types that do not agree.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def get_asgi_application(*, websocket: Application | None = None) -> Application:
    """Set up Django and answer its application, with the websocket of the live pages where they are mounted.

    ``websocket`` is the project's own application for all other websockets; without it they are refused.
    """
    http = asgi.get_asgi_application()
    # Only now: what this imports may need Django set up.
    from signal_monitor.routing import mount_path, websocket_urlpatterns

    live: Application = URLRouter(websocket_urlpatterns)
    others = websocket or _refuse
    mount = cache(mount_path)

    async def serve_http(scope: Scope, receive: Receive, send: Send) -> None:
        if not _path(scope).startswith(mount()):
            await http(scope, receive, send)
            return
        with suppress():
            await http(scope, receive, send)

    async def serve_websocket(scope: Scope, receive: Receive, send: Send) -> None:
        application = live if _path(scope) == f"{mount()}ws/" else others
        await application(scope, receive, send)

    return ProtocolTypeRouter({"http": serve_http, "websocket": serve_websocket, "lifespan": _lifespan})


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


async def _refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake with a 403, as a server does for a close before an accept."""
    await receive()
    await send({"type": "websocket.close"})


async def _lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a server that announces its start and its end; there is nothing to do."""
    asked = ""
    while asked != "lifespan.shutdown":
        asked = (await receive())["type"]
        await send({"type": f"{asked}.complete"})
