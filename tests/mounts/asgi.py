"""The ASGI application, made as the README says, with a websocket of the project's own."""

from __future__ import annotations

import os

from signal_monitor.asgi import Receive, Scope, Send, get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.mounts.settings")


async def echo_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the path of the websocket, and close."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["path"]})
    await send({"type": "websocket.close"})


application = get_asgi_application(websocket=echo_path)
