"""System checks: parts of a project's setup without which the monitor misses or cannot show something."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, register
from django.utils.module_loading import import_string

from signal_monitor.conf import get_config
from signal_monitor.mounts import includes_pages
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
from signal_monitor.stores.sqlite.location import DIRECTORY, find_path, is_installed, project_root

MIDDLEWARE = "signal_monitor.middleware.SignalMonitorMiddleware"

# Apps that may come first: daphne has to, and Django's own apps connect few receivers.
MAY_PRECEDE = ("daphne", "channels", "django.")
# Middleware that has to come first: the span of a request is the parent of the spans of its dispatches.
MAY_SURROUND = ("opentelemetry.",)


APP_ORDER = Problem(
    "W001",
    "{apps} come before 'signal_monitor' in INSTALLED_APPS. Signals that are sent while these are loaded are not "
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
    "The monitor's pages are not in the URLs.",
    'Add path("signals/", include("signal_monitor.urls")) to the urlpatterns of your ROOT_URLCONF. If a middleware '
    "chooses a URLconf for each request, add it to one of these and silence this check.",
)
NO_HTMX = Problem(
    "W009",
    "'django_htmx' is not in INSTALLED_APPS. The pages need its htmx, and cannot be shown.",
    "Add 'django_htmx' to INSTALLED_APPS.",
)
ACCESS_NOT_CALLABLE = Problem(
    "W011",
    "SIGNAL_MONITOR['ACCESS'] does not name a callable, and nobody has access: {path}",
    "Set it to the dotted path of a callable that takes a request and returns whether it may see the pages.",
)
STORE_NOT_SHARED = Problem(
    "W012",
    "{directory} belongs to another user, so this process uses {path}. The dashboard of one does not show the "
    "dispatches of the other.",
    "Run all processes of the project as one user, or name a file that all of them can write to: "
    'SIGNAL_MONITOR["STORE"] = "sqlite:////absolute/path".',
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
    ACCESS_NOT_CALLABLE,
    STORE_NOT_SHARED,
    NO_SUCH_ASGI_APPLICATION,
    RUNSERVER_REPLACED,
    DAPHNE_REPLACED,
    OWN_TEMPLATES,
)


@register(TAG)
def check_setup(app_configs: object, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Run all checks of this module, unless the monitor is disabled.

    The SIGNAL_MONITOR setting itself is not checked here: with an invalid one, no command gets this far.
    """
    return [message for check in CHECKS for message in check()] if get_config().ENABLED else []


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
    """Check that ACCESS names a callable."""
    path = get_config().ACCESS
    try:
        is_callable = not path or callable(import_string(path))
    except ImportError as error:
        is_callable, path = False, f"{path}: {error}"
    if not is_callable:
        yield ACCESS_NOT_CALLABLE.message(path=path)


def check_middleware() -> Iterator[CheckMessage]:
    """Check that the middleware is listed before all others."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield NO_MIDDLEWARE.message()
        return
    outer = [name for name in settings.MIDDLEWARE if not name.startswith(MAY_SURROUND)]
    if outer[0] != MIDDLEWARE:
        yield MIDDLEWARE_ORDER.message(outer=outer[0])


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
        yield STORE_NOT_SHARED.message(directory=directory, path=find_path("sqlite"))


def _try_store(store: str) -> None:
    # A missing file is not created: if the check runs as another user, such as while an image is built, the server's
    # user could not open it.
    if store.startswith("sqlite") and not (path := find_path(store)).exists():
        parent = next(parent for parent in path.parents if parent.exists())
        if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
            raise StoreError(f"{path} cannot be created: {parent} is not a directory that this user may write to.")
    else:
        get_store().cursor()


def check_urls() -> Iterator[CheckMessage]:
    """Check that the pages have a URL."""
    if not _has_pages():
        yield NO_URLS.message()


def _has_pages() -> bool:
    return bool(getattr(settings, "ROOT_URLCONF", None)) and includes_pages(settings.ROOT_URLCONF)


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
    check_middleware,
    check_store,
    check_store_is_shared,
    check_urls,
)
