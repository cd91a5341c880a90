"""A strict Content-Security-Policy for every page, the dashboard's included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Content-Security-Policy"

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def policy(request: HttpRequest) -> str:
    """Everything from this site only, nothing inline, and no frames."""
    # In the standard, 'self' includes the websocket of the same host and port, but not yet in every browser.
    return (
        f"default-src 'self'; connect-src 'self'{_websocket_source(request)}; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def _websocket_source(request: HttpRequest) -> str:
    try:
        return f" {'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    except DisallowedHost:
        return ""


def _protect(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    # Django's debug pages have inline styles; Django's own middleware (6.0) leaves them out, too.
    if not (settings.DEBUG and response.status_code in {404, 500}):
        response.headers.setdefault(HEADER, policy(request))
    return response


@sync_and_async_middleware
def content_security_policy(
    get_response: GetResponse,
) -> GetResponse:
    """Set the header unless the view has set one."""
    if iscoroutinefunction(get_response):
        asynchronous = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", get_response)

        async def amiddleware(request: HttpRequest) -> HttpResponseBase:
            return _protect(request, await asynchronous(request))

        return amiddleware

    synchronous = cast("Callable[[HttpRequest], HttpResponseBase]", get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return _protect(request, synchronous(request))

    return middleware
