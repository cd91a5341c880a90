"""The headers of all answers of the dashboard: no other site may frame or sniff them, and no foreign code may run."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.templatetags.static import static

HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def protect(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Set the headers; the project's middleware keeps those that are there."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers["Content-Security-Policy"] = content_security_policy(request)
    return response


def content_security_policy(request: HttpRequest) -> str:
    """Everything comes from this site, and scripts, styles and images also from where its static files are."""
    origins = " ".join(["'self'", *_static_origin()])
    files = " ".join(f"{kind}-src {origins};" for kind in ("script", "style", "img"))
    # In the standard, 'self' includes the websocket of the same host and port, but not in every browser.
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    return (
        f"default-src 'none'; {files} connect-src 'self' {socket}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _static_origin() -> list[str]:
    """The origin of the static files if it is another one, such as that of a CDN."""
    try:
        parts = urlsplit(static("signal_monitor/live.js"))
    except (ValueError, ImproperlyConfigured):  # see missing_part() of the pages
        return []
    return [f"{parts.scheme or 'https'}://{parts.netloc}"] if parts.netloc else []
