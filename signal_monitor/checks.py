"""System checks: parts of a project's setup without which the monitor misses or cannot show something."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, register

from signal_monitor import access_rule
from signal_monitor.conf import get_config
from signal_monitor.errors import done_for_each
from signal_monitor.instrumentation.install import unobserved
from signal_monitor.mounts import hidden_page, includes_pages
from signal_monitor.problem import TAG, Problem
from signal_monitor.server_checks import (
    DAPHNE_REPLACED,
    NO_SUCH_ASGI_APPLICATION,
    OWN_TEMPLATES,
    PLAIN_ASGI_APPLICATION,
    RUNSERVER_REPLACED,
    check_asgi_module,
    check_runserver,
    check_templates,
)
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError
from signal_monitor.stores.sqlite.location import DIRECTORY, find_path, is_installed, project_root, refuse_place

MIDDLEWARE = "signal_monitor.middleware.SignalMonitorMiddleware"

# Apps that may come first: daphne has to, Django's own apps connect few receivers, and the others none.
MAY_PRECEDE = ("daphne", "channels", "django.", "django_htmx")
# Middleware that has to come first: the span of a request is the parent of the spans of its dispatches.
MAY_SURROUND = ("opentelemetry.",)


SET_ACCESS = "Set it to the dotted path of a function, async or not, that returns True if a request may see the pages."


APP_ORDER = Problem(
    "W001",
    "'signal_monitor' comes after {apps} in INSTALLED_APPS. Signals that are sent before it is loaded are not "
    "observed.",
    "Put 'signal_monitor' directly after 'daphne', before your own apps.",
)
NO_DAPHNE = Problem(
    "W002",
    "'daphne' is not in INSTALLED_APPS. runserver has no websockets, and the pages poll for updates.",
    "Put 'daphne' first in INSTALLED_APPS. If the project runs under WSGI only, leave it out and silence this check.",
)
NO_CHANNELS = Problem(
    "W003",
    "'channels' is not in INSTALLED_APPS. The pages cannot use a websocket.",
    "Add 'channels' to INSTALLED_APPS. If the project runs under WSGI only, leave it out and silence this check.",
)
NO_ASGI_APPLICATION = Problem(
    "W004",
    "ASGI_APPLICATION is not set. runserver cannot serve websockets.",
    'Set ASGI_APPLICATION = "project.asgi.application", and create the application in project/asgi.py with '
    "signal_monitor.asgi.get_asgi_application(). If the project runs under WSGI only, silence this check.",
)
NO_MIDDLEWARE = Problem(
    "W005",
    "The monitor's middleware is not in MIDDLEWARE. Dispatches are not attributed to requests.",
    f"Put {MIDDLEWARE!r} first in MIDDLEWARE.",
)
MIDDLEWARE_ORDER = Problem(
    "W006",
    "The monitor's middleware comes after {outer!r}. Signals that the middleware before it sends are not attributed to "
    "requests.",
    f"Put {MIDDLEWARE!r} first in MIDDLEWARE.",
)
STORE_UNUSABLE = Problem(
    "W007",
    "The store cannot be used, and the pages stay empty: {error}",
    'Set SIGNAL_MONITOR["STORE"] to "sqlite:///" and the absolute path of a writable file.',
)
NO_URLS = Problem(
    "W008",
    "The monitor's pages {reason}.",
    'Add path("signals/", include("signal_monitor.urls")) to the urlpatterns of your ROOT_URLCONF, before patterns '
    "that match any path. If a middleware chooses a URLconf for each request, add it to one of these and silence this "
    "check.",
)
NO_HTMX = Problem(
    "W009",
    "'django_htmx' is not in INSTALLED_APPS. The pages need its htmx, and cannot be shown.",
    "Add 'django_htmx' to INSTALLED_APPS.",
)
NO_ACCESS_RULE = Problem(
    "W011",
    "SIGNAL_MONITOR['ACCESS'] is {path!r}, which cannot be a rule, and nobody has access: {reason}.",
    SET_ACCESS,
)
STORE_NOT_SHARED = Problem(
    "W012",
    "{directory} {reason}, so this process uses {path}. Its dashboard does not show the dispatches of processes that "
    "use {directory}.",
    "If it is not a directory, remove it. Otherwise run all processes of the project as one user, or name a file that "
    "all of them can write to: "
    'SIGNAL_MONITOR["STORE"] = "sqlite:////absolute/path".',
)
ACCESS_REPLACED = Problem(
    "W013",
    "SIGNAL_MONITOR['ACCESS'] is {path!r}. It decides alone who may see the pages, which show the names of your code, "
    "messages of exceptions and paths of requests.",
    "Make sure that it returns True for people whom you trust as much as staff users only, then add "
    "'signal_monitor.W013' to SILENCED_SYSTEM_CHECKS.",
)
OPEN_TO_LOCAL_CLIENTS = Problem(
    "W014",
    "DEBUG is True. Everybody who can send requests from this machine may see the pages.",
    "Set DEBUG = False.",
)
TIMING_FOR_EVERYBODY = Problem(
    "W015",
    "{setting} is True. The Server-Timing header tells every client the names and durations of receivers.",
    "Set DEBUG to False and SIGNAL_MONITOR['SERVER_TIMING'] to None, so that only staff users get the header.",
)
NO_STAFF = Problem(
    "W016",
    "{reason}, so without SIGNAL_MONITOR['ACCESS'] nobody may see the pages.",
    SET_ACCESS,
)
UNOBSERVED_METHOD = Problem(
    "I002",
    "The calls of receivers in {method}() are not observed: {reason}.",
    "Take the receivers from self._live_receivers(sender), in a plain method or coroutine function. Until then, their "
    "time counts as the method's own.",
)
PROBLEMS = (
    APP_ORDER,
    NO_DAPHNE,
    NO_CHANNELS,
    NO_ASGI_APPLICATION,
    NO_MIDDLEWARE,
    MIDDLEWARE_ORDER,
    STORE_UNUSABLE,
    NO_URLS,
    NO_HTMX,
    PLAIN_ASGI_APPLICATION,
    NO_ACCESS_RULE,
    STORE_NOT_SHARED,
    NO_SUCH_ASGI_APPLICATION,
    RUNSERVER_REPLACED,
    DAPHNE_REPLACED,
    OWN_TEMPLATES,
    ACCESS_REPLACED,
    OPEN_TO_LOCAL_CLIENTS,
    TIMING_FOR_EVERYBODY,
    NO_STAFF,
    UNOBSERVED_METHOD,
)


@register(TAG)
def check_setup(app_configs: object, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Run all checks of this module, unless the monitor is disabled.

    The SIGNAL_MONITOR setting itself is not checked here: with an invalid one, no command gets this far.
    """
    if not get_config().ENABLED:
        return []
    found = done_for_each("a system check", lambda check: list(check()), CHECKS)
    return [message for messages in found for message in messages]


@register(TAG)
def check_signals(app_configs: object, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Report what the findings' rules find that is certain, unless the monitor is disabled."""
    if not get_config().ENABLED:
        return []
    from .findings import system_checks  # takes long to import

    return system_checks.messages()


@register(TAG, deploy=True)
def check_deployment(app_configs: object, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Report, with ``check --deploy``, what lets more people than staff users look; also if the monitor is disabled."""
    config, found = get_config(), []
    if config.ACCESS:
        found.append(ACCESS_REPLACED.message(path=config.ACCESS))
    if settings.DEBUG and not config.ACCESS:
        found.append(OPEN_TO_LOCAL_CLIENTS.message())
    if config.SERVER_TIMING or (config.SERVER_TIMING is None and settings.DEBUG):
        setting = "SIGNAL_MONITOR['SERVER_TIMING']" if config.SERVER_TIMING else "DEBUG"
        found.append(TIMING_FOR_EVERYBODY.message(setting=setting))
    return found


def check_app_order() -> Iterator[CheckMessage]:
    """Check that the project's apps come after the monitor."""
    names = [config.name for config in apps.get_app_configs()]
    earlier = [name for name in names[: names.index("signal_monitor")] if not name.startswith(MAY_PRECEDE)]
    if earlier:
        yield APP_ORDER.message(apps=", ".join(earlier))


def check_daphne() -> Iterator[CheckMessage]:
    """Check that the development server is an ASGI server; daphne itself checks that it precedes staticfiles."""
    if not apps.is_installed("daphne"):
        yield NO_DAPHNE.message()


def check_channels() -> Iterator[CheckMessage]:
    """Check that Channels is installed."""
    if not apps.is_installed("channels"):
        yield NO_CHANNELS.message()


def check_htmx() -> Iterator[CheckMessage]:
    """Check that django-htmx is installed; the pages use its copy of htmx."""
    if not apps.is_installed("django_htmx"):
        yield NO_HTMX.message()


def check_asgi_application() -> Iterator[CheckMessage]:
    """Check that there is an ASGI application for daphne to run."""
    if not getattr(settings, "ASGI_APPLICATION", None):
        yield NO_ASGI_APPLICATION.message()


def check_access() -> Iterator[CheckMessage]:
    """Check that ACCESS names what can be an access rule."""
    path = get_config().ACCESS
    if path and (reason := access_rule.reason_against(path)):
        yield NO_ACCESS_RULE.message(path=path, reason=reason)


def check_staff() -> Iterator[CheckMessage]:
    """Check that there can be users who may look, where nobody else may."""
    if get_config().ACCESS or settings.DEBUG:
        return
    if not apps.is_installed("django.contrib.auth"):
        yield NO_STAFF.message(reason="'django.contrib.auth' is not in INSTALLED_APPS")
    elif not (hasattr(get_user_model(), "is_staff") or hasattr(get_user_model(), "is_superuser")):
        yield NO_STAFF.message(reason=f"{settings.AUTH_USER_MODEL} has neither is_staff nor is_superuser")


def check_middleware() -> Iterator[CheckMessage]:
    """Check that the middleware is listed before all others."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield NO_MIDDLEWARE.message()
        return
    outer = [name for name in settings.MIDDLEWARE if not name.startswith(MAY_SURROUND)]
    if outer[0] != MIDDLEWARE:
        yield MIDDLEWARE_ORDER.message(outer=outer[0])


def check_send_methods() -> Iterator[CheckMessage]:
    """Check that the send methods of subclasses of Signal can be observed."""
    for method in unobserved():
        yield UNOBSERVED_METHOD.message(method=method.name, reason=method.reason)


def check_store() -> Iterator[CheckMessage]:
    """Check that the store can be read and written."""
    try:
        _try_store(get_config().STORE)
    except StoreError as error:
        yield STORE_UNUSABLE.message(error=error)


def check_store_is_shared() -> Iterator[CheckMessage]:
    """Check that all processes of the project use the same store."""
    directory = project_root() / DIRECTORY
    if is_installed(directory):
        return
    if get_config().STORE == "sqlite" and directory.exists() and find_path("sqlite").parent != directory:
        yield STORE_NOT_SHARED.message(
            directory=directory, reason=_why_not_writable(directory), path=find_path("sqlite")
        )


def _why_not_writable(directory: Path) -> str:
    if not directory.is_dir():
        return "is not a directory"
    return "cannot be written to" if directory.stat().st_uid == os.geteuid() else "belongs to another user"


def _try_store(store: str) -> None:
    # A missing file is not created: if the check runs as another user, such as while an image is built, the server's
    # user could not open it.
    if store.startswith("sqlite") and not os.path.exists(path := find_path(store)):  # noqa: PTH110 - it raises nothing
        refuse_place(path)
    else:
        get_store().cursor()


def check_urls() -> Iterator[CheckMessage]:
    """Check that the pages have a URL, and that no other view answers in their place."""
    urlconf = getattr(settings, "ROOT_URLCONF", None)
    if not urlconf or not includes_pages(urlconf):
        yield NO_URLS.message(reason="are not in the URLs")
    elif (hidden := hidden_page(urlconf)) is not None:
        path, view = hidden
        yield NO_URLS.message(reason=f"are hidden: {path} is answered by {view}, whose pattern comes before theirs")


CHECKS: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_app_order,
    check_daphne,
    check_channels,
    check_htmx,
    check_asgi_application,
    check_asgi_module,
    check_runserver,
    check_templates,
    check_access,
    check_staff,
    check_middleware,
    check_send_methods,
    check_store,
    check_store_is_shared,
    check_urls,
)
