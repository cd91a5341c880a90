"""The handshake of a websocket: whether it comes from one of the site's own pages, and why it does not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.http import is_same_domain

Scope = Mapping[str, Any]

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_REPORTS = 20
NO_ORIGIN = "it has no Origin header, which browsers always send"
WRONG_HOST = "its Host header %a is not in ALLOWED_HOSTS"
WRONG_ORIGIN = (
    "its page is of the origin %a, but the request came for %a. Behind a proxy, pass on the Host header with its port "
    "(nginx: proxy_set_header Host $http_host) and set SECURE_PROXY_SSL_HEADER, or add the origin to "
    "CSRF_TRUSTED_ORIGINS"
)
NO_ACCESS = "its user may not see the signal monitor; other users who are refused are not logged"
_reported: set[str] = set()

logger = logging.getLogger("signal_monitor")


class Origin(NamedTuple):
    """Scheme, host and port of a site."""

    scheme: str
    host: str
    port: int


def request_of(scope: Scope) -> HttpRequest:
    """A websocket's handshake as a Django request.

    Raises UnicodeDecodeError when the query string is malformed.
    """
    scheme = "https" if scope.get("scheme") in {"wss", "https"} else "http"
    return ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())


def reason_against(request: HttpRequest) -> str:
    """Why a handshake does not come from one of the site's own pages; "" if it does.

    Without the check of the host, a name that an attacker points at this server would match its own Origin.
    """
    header = request.META.get("HTTP_ORIGIN", "")
    try:
        site = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return WRONG_HOST % _short(request.META.get("HTTP_HOST", ""))
    if not header:
        return NO_ORIGIN
    origin = _parsed(header)
    if origin is not None and (origin == _parsed(site) or _is_trusted(origin, header)):
        return ""
    return WRONG_ORIGIN % (_short(header), site)


def report_refusal(reason: str) -> None:
    """Log why a websocket was refused; each reason once, and not more than MAX_REPORTS of them."""
    if reason not in _reported and len(_reported) < MAX_REPORTS:
        _reported.add(reason)
        logger.warning("A websocket of the signal monitor's pages was refused: %s.", reason)


def _parsed(text: str) -> Origin | None:
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.path or parts.query or parts.username:
        return None
    return Origin(parts.scheme, parts.hostname, port)


def _is_trusted(origin: Origin, header: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS has the origin, or a wildcard that matches it as Django's CSRF protection does."""
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        if "*" not in trusted:
            if _parsed(trusted) == origin:
                return True
            continue
        scheme, _, pattern = trusted.partition("://")
        if scheme == origin.scheme and is_same_domain(urlsplit(header).netloc.lower(), pattern.lstrip("*")):
            return True
    return False


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
