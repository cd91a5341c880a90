"""The browser that somebody follows: a signed cookie marks its requests, whose ids begin with its id."""

from __future__ import annotations

import secrets

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.http.cookie import parse_cookie

COOKIE = "signal_monitor_browser"
MAX_AGE_SECONDS = 12 * 60 * 60


def new_browser() -> str:
    """An id for a browser."""
    return secrets.token_hex(4)


def followed_browser(request: HttpRequest) -> str:
    """The id of the browser that has sent a request, if it is followed; "" otherwise.

    ``request.COOKIES`` is left alone: it is made when it is first read, and a middleware may change the header before.
    """
    header = request.META.get("HTTP_COOKIE", "")
    if COOKIE not in header:
        return ""
    try:
        return _signer().unsign(parse_cookie(header).get(COOKIE, ""), max_age=MAX_AGE_SECONDS)
    except BadSignature:
        return ""


def set_cookie(response: HttpResponse, browser: str, *, secure: bool) -> None:
    """Mark the browser that gets a response, for some hours."""
    response.set_cookie(
        COOKIE, _signer().sign(browser), max_age=MAX_AGE_SECONDS, secure=secure, httponly=True, samesite="Lax"
    )


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="signal_monitor.browser")
