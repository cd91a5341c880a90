"""Access to the dashboard: nobody has it unless a rule allows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from typing import Any, Concatenate, ParamSpec, cast

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import (
    Http404,
    HttpRequest,
    HttpResponseBase,
    HttpResponseForbidden,
    HttpResponseNotFound,
    HttpResponseRedirect,
)
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache

from signal_monitor.access_rule import allows
from signal_monitor.conf import get_config
from signal_monitor.dashboard.engine import missing_part, render_page
from signal_monitor.dashboard.handshake import Scope, request_of
from signal_monitor.dashboard.local_clients import is_local
from signal_monitor.dashboard.login import find_login, has_staff
from signal_monitor.dashboard.response_headers import protect
from signal_monitor.instrumentation import suppress
from signal_monitor.middleware import is_staff

P = ParamSpec("P")

PLAIN = "text/plain; charset=utf-8"
NO_SUCH_PAGE = "The signal monitor has no such page.\n"
REFUSAL = "Only active staff users may see the signal monitor, unless SIGNAL_MONITOR['ACCESS'] allows others.\n"
LOCAL_HINT = (
    "With DEBUG, browsers on the same machine may, at http://localhost or http://127.0.0.1 and without a proxy.\n"
)


def may_view(source: HttpRequest | Scope) -> bool:
    """Whether a request, or a websocket's scope, may see the dashboard; blocking.

    For a scope, the session and the user are read from its cookies each time. Whatever the project's own rule does,
    pages and websockets do the same.
    """
    request = source if isinstance(source, HttpRequest) else request_of(source)
    with suppress():
        _set_user(request)
        path = get_config().ACCESS
        if path:
            return allows(path, request)
        return _is_staff(request) or (settings.DEBUG and is_local(request))


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return bool(user.is_authenticated and user.is_active and is_staff(user))


def _set_user(request: HttpRequest) -> None:
    """Set a user if no middleware has, and where the project has sessions, the session."""
    if not hasattr(request, "user"):
        request.user = cast("Any", SimpleLazyObject(lambda: _read_user(request)))
        request.auser = cast("Any", partial(_aread_user, request))
    if not hasattr(request, "session") and any(name.endswith("SessionMiddleware") for name in settings.MIDDLEWARE):
        request.session = cast("Any", SimpleLazyObject(lambda: _session_of(request)))


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
    session = getattr(request, "session", None) or _session_of(request)
    asking = HttpRequest()
    asking.session = cast("Any", _SessionSnapshot(session.items()))
    return get_user(asking)


async def _aread_user(request: HttpRequest) -> Any:  # noqa: ANN401 - the same
    return await sync_to_async(_read_user)(request)


def _session_of(request: HttpRequest) -> SessionBase:
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    return session


def access_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Restrict a view to those who have access, and do not observe what it does.

    A browser without a login is redirected to the project's login page, if there is one. All others without access get
    a 403, which says who has access. Responses are never cached, and have the headers of the dashboard.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with suppress():
            request.get_host()  # raises DisallowedHost, a 400, for a project without CommonMiddleware
            return protect(request, _answer(request, *args, **kwargs) if may_view(request) else _refuse(request))

    def _answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Http404:
            return HttpResponseNotFound(NO_SUCH_PAGE, content_type=PLAIN)

    # LoginRequiredMiddleware must not ask for a login if the access rule does not, and the pages change nothing.
    guarded.login_required = False  # type: ignore[attr-defined]
    guarded.csrf_exempt = True  # type: ignore[attr-defined]
    return guarded


def _refuse(request: HttpRequest) -> HttpResponseBase:
    is_navigation = "text/html" in request.headers.get("Accept", "") and "HX-Request" not in request.headers
    if not is_navigation or missing_part():
        # Returned, not raised: Django would log each refusal with a traceback.
        return HttpResponseForbidden(REFUSAL + (LOCAL_HINT if settings.DEBUG else ""), content_type=PLAIN)
    login_url = find_login(request)
    if login_url and not request.user.is_authenticated:
        return HttpResponseRedirect(login_url)
    return render_page(
        "signal_monitor/refused.html",
        {
            "login_url": login_url,
            "observes": True,  # it says nothing about the process
            "local_hint": LOCAL_HINT if settings.DEBUG else "",
            "own_rule": bool(get_config().ACCESS),
            "user": str(request.user) if request.user.is_authenticated else "",
            "who_may": "Active staff users" if has_staff() else "Active superusers",
        },
        status=403,
    )
