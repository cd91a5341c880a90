"""Sites that tests take turns with: a request to ``PATH`` lets one forget all that it has recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async

from signal_monitor import pipeline
from signal_monitor.apps import restart
from signal_monitor.stores import get_store

PATH = "/begin-anew/"
Application = Callable[[Any, Any, Any], Awaitable[None]]
WsgiApplication = Callable[[Any, Any], Iterable[bytes]]


def begin_anew() -> None:
    """Empty the store, and start the monitor once more. Django does not see the request for it: it is not recorded."""
    pipeline.stop()
    get_store().clear()
    restart()


def asgi_that_begins_anew(application: Application) -> Application:
    """The application, which begins anew when it is asked to."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != PATH:
            await application(scope, receive, send)
            return
        await sync_to_async(begin_anew)()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return serve


def wsgi_that_begins_anew(application: WsgiApplication) -> WsgiApplication:
    """The same of a WSGI application."""

    def serve(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return application(environ, start_response)
        begin_anew()
        start_response("200 OK", [])
        return []

    return serve
