"""Access to the dashboard: nobody has it unless a rule allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from io import BytesIO
from ipaddress import ip_address
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, HttpResponseForbidden, HttpResponseRedirect
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache

from signal_monitor.conf import get_config
from signal_monitor.dashboard.engine import render_page
from signal_monitor.dashboard.login import find_login, has_staff
from signal_monitor.instrumentation import suppress
from signal_monitor.middleware import is_staff

P = ParamSpec("P")
Scope = Mapping[str, Any]

REFUSAL = "Only active staff users may see the signal monitor, unless SIGNAL_MONITOR['ACCESS'] allows others.\n"
DEFAULT_PORTS = {"http": 80, "https": 443}
# A request with one of these came through a proxy, so that its peer is not the client.
PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP")


def may_view(source: HttpRequest | Scope) -> bool:
    """Whether a request, or a websocket's scope, may see the dashboard; blocking.

    For a scope, the session and the user are read from its cookies each time.
    """
    request = source if isinstance(source, HttpRequest) else request_of(source)
    with suppress():
        _set_user(request)
        path = get_config().ACCESS
        return bool(import_string(path)(request)) if path else _is_staff(request) or _is_local(request)


def request_of(scope: Scope) -> HttpRequest:
    """A websocket's handshake as a Django request.

    Raises UnicodeDecodeError when the query string is malformed.
    """
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    return ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())


def is_from_own_page(request: HttpRequest) -> bool:
    """Whether a handshake's Host is allowed, and its Origin has the same host and port.

    Without the first check, a host name that an attacker points at this server would match its own Origin. Browsers
    always send an Origin with a handshake, so a handshake without one is refused.
    """
    try:
        site = urlsplit(f"//{request.get_host()}")
        origin = urlsplit(request.META.get("HTTP_ORIGIN", ""))
        return origin.scheme in DEFAULT_PORTS and (site.hostname, _site_port(request, site.port, origin.scheme)) == (
            origin.hostname,
            origin.port or DEFAULT_PORTS[origin.scheme],
        )
    except (DisallowedHost, ValueError):
        return False


def _site_port(request: HttpRequest, port: int | None, origin_scheme: str) -> int:
    # A proxy that terminates TLS may not say so. The Origin then gives the port that the Host omits.
    return port or DEFAULT_PORTS["https" if request.is_secure() else origin_scheme]


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return bool(user.is_authenticated and user.is_active and is_staff(user))


def _is_local(request: HttpRequest) -> bool:
    if not settings.DEBUG or any(header in request.META for header in PROXY_HEADERS):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _set_user(request: HttpRequest) -> None:
    """Set a user if no middleware has."""
    if not hasattr(request, "user"):
        request.user = cast("Any", SimpleLazyObject(lambda: _read_user(request)))


class _Nobody:
    """The user of a project without django.contrib.auth."""

    is_authenticated = is_active = is_staff = is_superuser = False


class _SessionSnapshot(dict[str, Any]):
    """The contents of a session.

    ``get_user`` flushes a session that is no longer valid and renews one that was signed with an old key. That needs a
    response to set the cookie, which a websocket does not have.
    """

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        pass


def _read_user(request: HttpRequest) -> Any:  # noqa: ANN401 - any class that AUTH_USER_MODEL names
    if not apps.is_installed("django.contrib.auth"):
        return _Nobody()
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    asking = HttpRequest()
    asking.session = cast("Any", _SessionSnapshot(session.load() if session.session_key else {}))
    return get_user(asking)


def access_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Restrict a view to those who have access, and do not observe what it does.

    A browser without a login is redirected to the project's login page, if there is one. All others without access get
    a 403, which says who has access.
    Responses are never cached.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with suppress():
            request.get_host()  # raises DisallowedHost, a 400, for a project without CommonMiddleware
            return view(request, *args, **kwargs) if may_view(request) else _refuse(request)

    # LoginRequiredMiddleware must not ask for a login if the access rule does not.
    guarded.login_required = False  # type: ignore[attr-defined]
    return guarded


def _refuse(request: HttpRequest) -> HttpResponseBase:
    is_navigation = "text/html" in request.headers.get("Accept", "") and "HX-Request" not in request.headers
    if not is_navigation:
        # Returned, not raised: Django would log each refusal with a traceback.
        return HttpResponseForbidden(REFUSAL, content_type="text/plain; charset=utf-8")
    login_url = find_login(request)
    if login_url and not request.user.is_authenticated:
        return HttpResponseRedirect(login_url)
    return render_page(
        "signal_monitor/refused.html",
        {
            "login_url": login_url,
            "observes": True,  # it says nothing about the process
            "own_rule": bool(get_config().ACCESS),
            "user": str(request.user) if request.user.is_authenticated else "",
            "who_may": "Active staff users" if has_staff() else "Active superusers",
        },
        status=403,
    )
