"""System checks: what of a project's setup keeps the monitor from seeing or showing all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 - Django's name for it
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from signal_monitor.conf import get_config
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError
from signal_monitor.stores.sqlite.location import DIRECTORY, find_path, project_root

TAG = "signal_monitor"
MIDDLEWARE = "signal_monitor.middleware.SignalMonitorMiddleware"

# These may come first: daphne has to, and Django's connect their few receivers in their own modules.
MAY_PRECEDE = ("daphne", "channels", "django.")
# These have to be outermost: the span of a request is the parent of its dispatches' spans.
MAY_SURROUND = ("opentelemetry.",)


@register(TAG)
def check_setup(app_configs: object, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django passes what it likes
    """Everything that this module checks, unless the monitor is switched off.

    The SIGNAL_MONITOR setting itself is not checked here: with a wrong one, no command gets as far as this.
    """
    return [message for check in CHECKS for message in check()] if get_config().ENABLED else []


def check_app_order() -> Iterator[CheckMessage]:
    """The project's apps come after the monitor, or their receivers connect before it looks."""
    names = [config.name for config in apps.get_app_configs()]
    earlier = [name for name in names[: names.index("signal_monitor")] if not name.startswith(MAY_PRECEDE)]
    if earlier:
        yield Warning(
            f"{', '.join(earlier)} come before 'signal_monitor' in INSTALLED_APPS: what they connect and send while "
            "they are loaded is not seen.",
            hint="Put 'signal_monitor' directly after 'daphne', before your own apps.",
            id="signal_monitor.W001",
        )


def check_daphne() -> Iterator[CheckMessage]:
    """The development server speaks ASGI; that daphne stands before staticfiles is checked by daphne itself."""
    if not apps.is_installed("daphne"):
        yield Warning(
            "'daphne' is not in INSTALLED_APPS: runserver has no websockets, and the live pages poll.",
            hint="Put 'daphne' first in INSTALLED_APPS.",
            id="signal_monitor.W002",
        )


def check_channels() -> Iterator[CheckMessage]:
    """Channels is installed."""
    if not apps.is_installed("channels"):
        yield Warning(
            "'channels' is not in INSTALLED_APPS: the live pages cannot use a websocket.",
            hint="Add 'channels' to INSTALLED_APPS.",
            id="signal_monitor.W003",
        )


def check_htmx() -> Iterator[CheckMessage]:
    """The pages' htmx comes from django-htmx."""
    if not apps.is_installed("django_htmx"):
        yield Warning(
            "'django_htmx' is not in INSTALLED_APPS: the pages have no htmx, and cannot be shown.",
            hint="Add 'django_htmx' to INSTALLED_APPS.",
            id="signal_monitor.W009",
        )


def check_asgi_application() -> Iterator[CheckMessage]:
    """There is an ASGI application for daphne to run."""
    if not getattr(settings, "ASGI_APPLICATION", None):
        yield Warning(
            "ASGI_APPLICATION is not set: runserver has nothing to serve websockets with.",
            hint=(
                'Set ASGI_APPLICATION = "project.asgi.application", and let project/asgi.py make its application with '
                "signal_monitor.asgi.get_asgi_application()."
            ),
            id="signal_monitor.W004",
        )


def check_asgi_module() -> Iterator[CheckMessage]:
    """The ASGI application has the monitor's websocket; its module is read, not run."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    spec = find_spec(name.rpartition(".")[0]) if name else None
    if spec is None or spec.origin is None:
        return
    text = Path(spec.origin).read_text(encoding="utf-8", errors="replace")
    if not any(word in text for word in ("signal_monitor", "ProtocolTypeRouter", "URLRouter")):
        yield Warning(
            f"{name} is Django's own application: it refuses websockets, and the live pages poll.",
            hint=f"In {spec.origin}, import get_asgi_application from signal_monitor.asgi instead.",
            id="signal_monitor.W010",
        )


def check_access() -> Iterator[CheckMessage]:
    """The rule that says who may look can be called."""
    path = get_config().ACCESS
    try:
        fine = not path or callable(import_string(path))
    except ImportError as error:
        fine, path = False, f"{path}: {error}"
    if not fine:
        yield Warning(
            f"SIGNAL_MONITOR['ACCESS'] names nothing that can be called, so that nobody can look: {path}",
            hint="Give the dotted path of a callable that takes a request and says whether it may look.",
            id="signal_monitor.W011",
        )


def check_middleware() -> Iterator[CheckMessage]:
    """The middleware is there, around all others."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield Warning(
            "The monitor's middleware is not in MIDDLEWARE: dispatches are not attributed to requests.",
            hint=f"Put {MIDDLEWARE!r} first in MIDDLEWARE.",
            id="signal_monitor.W005",
        )
        return
    outer = [name for name in settings.MIDDLEWARE if not name.startswith(MAY_SURROUND)]
    if outer[0] != MIDDLEWARE:
        yield Warning(
            f"The monitor's middleware comes after {outer[0]!r}: what the middleware before it "
            "dispatches is not attributed to requests.",
            hint=f"Put {MIDDLEWARE!r} first in MIDDLEWARE.",
            id="signal_monitor.W006",
        )


def check_store() -> Iterator[CheckMessage]:
    """The store can be read and written."""
    try:
        _try_store(get_config().STORE)
    except StoreError as error:
        yield Warning(
            f"The store cannot be used, so the pages stay empty: {error}",
            hint='Set SIGNAL_MONITOR["STORE"] to "sqlite:///" and the absolute path of a file that may be written.',
            id="signal_monitor.W007",
        )


def check_store_is_shared() -> Iterator[CheckMessage]:
    """Every process of the project uses the same store."""
    directory = project_root() / DIRECTORY
    if get_config().STORE == "sqlite" and directory.exists() and find_path("sqlite").parent != directory:
        yield Warning(
            f"{directory} belongs to another user, so this process uses {find_path('sqlite')}: the dashboards of the "
            "one do not show what the other dispatches.",
            hint="Run all processes of the project as one user, or name a file that all may write to: "
            'SIGNAL_MONITOR["STORE"] = "sqlite:////absolute/path".',
            id="signal_monitor.W012",
        )


def _try_store(store: str) -> None:
    # A file that is not there yet is not made: the check may run as another user, while an image is built, and the
    # server's user would then be refused.
    if store.startswith("sqlite") and not (path := find_path(store)).exists():
        ground = next(parent for parent in path.parents if parent.exists())
        if not (ground.is_dir() and os.access(ground, os.W_OK | os.X_OK)):
            raise StoreError(f"{path} cannot be made, because {ground} is not a directory that this user may write to.")
    else:
        get_store().cursor()


def check_urls() -> Iterator[CheckMessage]:
    """The pages have an address."""
    if not _has_pages():
        yield Warning(
            "The monitor's pages are not in the URLs.",
            hint='Add path("signals/", include("signal_monitor.urls")) to the urlpatterns of your ROOT_URLCONF.',
            id="signal_monitor.W008",
        )


def _has_pages() -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False
    try:
        reverse("signal_monitor:overview")
    except NoReverseMatch:
        return False
    return True


CHECKS: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_app_order,
    check_daphne,
    check_channels,
    check_htmx,
    check_asgi_application,
    check_asgi_module,
    check_access,
    check_middleware,
    check_store,
    check_store_is_shared,
    check_urls,
)
