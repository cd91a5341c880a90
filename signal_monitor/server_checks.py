"""System checks of what serves the pages: the ASGI application, runserver, and the template engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.management import find_commands, load_command_class

from signal_monitor.problem import Problem

PLAIN_ASGI_APPLICATION = Problem(
    "W010",
    "{name} is Django's own application. It refuses websockets, and the pages poll for updates.",
    "Import get_asgi_application from signal_monitor.asgi instead in {path}.",
)
NO_SUCH_ASGI_APPLICATION = Problem(
    "W021",
    "ASGI_APPLICATION is {name!r}, but there is no such {missing}. An ASGI server cannot start.",
    'Set ASGI_APPLICATION = "project.asgi.application", and create the application in project/asgi.py with '
    "signal_monitor.asgi.get_asgi_application().",
)
RUNSERVER_REPLACED = Problem(
    "W022",
    "The runserver command of {replaced!r} is replaced by that of 'daphne', which comes first in INSTALLED_APPS.",
    "To keep it, leave out 'daphne', so that runserver is a WSGI server and the pages poll for updates. Or put "
    "{replaced!r} before 'daphne' and derive its command from daphne.management.commands.runserver.Command.",
)
DAPHNE_REPLACED = Problem(
    "W023",
    "The runserver command of {by!r} replaces that of 'daphne', which comes later in INSTALLED_APPS. "
    "runserver has no websockets, and the pages poll for updates.",
    "Leave out 'daphne', or derive the command from daphne.management.commands.runserver.Command.",
)
OWN_TEMPLATES = Problem(
    "I001",
    "TEMPLATES has no Django backend that loads the templates of apps. The monitor's pages do not need one: they are "
    "rendered with an engine of their own.",
    "There is nothing to do; other apps, such as the admin, need a backend with APP_DIRS.",
)


def check_asgi_module() -> Iterator[CheckMessage]:
    """Check that the ASGI application is there and has the monitor's websocket; its module is read, not imported."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    if not name:
        return
    module, _, attribute = str(name).rpartition(".")
    spec = _find_module(module)
    if spec is None:
        yield NO_SUCH_ASGI_APPLICATION.message(name=name, missing="module")
    elif spec.origin and Path(spec.origin).suffix == ".py":
        yield from _check_asgi_source(name, attribute, Path(spec.origin))


def _check_asgi_source(name: str, attribute: str, path: Path) -> Iterator[CheckMessage]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if attribute not in text and "import *" not in text:
        yield NO_SUCH_ASGI_APPLICATION.message(name=name, missing=f"object in {path}")
    elif not any(word in text for word in ("signal_monitor", "ProtocolTypeRouter", "URLRouter")):
        yield PLAIN_ASGI_APPLICATION.message(name=name, path=path)


def _find_module(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, AttributeError, ValueError):  # no such package, no package, no name
        return None


def check_runserver() -> Iterator[CheckMessage]:
    """Check that daphne's runserver does not replace one of the project's own, nor the other way round."""
    if not apps.is_installed("daphne"):
        return
    names = [config.name for config in apps.get_app_configs() if _has_runserver(config)]
    place = names.index("daphne")
    yield from (RUNSERVER_REPLACED.message(replaced=name) for name in names[place + 1 :])
    yield from (DAPHNE_REPLACED.message(by=name) for name in names[:place] if not _is_derived(name))


def _is_derived(app: str) -> bool:
    """Whether the runserver of an app is derived from daphne's; it is imported, as runserver does."""
    from daphne.management.commands.runserver import Command

    try:
        return isinstance(load_command_class(app, "runserver"), Command)
    except ImportError:
        return False


def _has_runserver(config: AppConfig) -> bool:
    """Whether an app brings a runserver; staticfiles' own is part of daphne's, and daphne checks its place."""
    is_own = config.name != "django.contrib.staticfiles"
    return is_own and "runserver" in find_commands(str(Path(config.path) / "management"))


def check_templates() -> Iterator[CheckMessage]:
    """Check whether the project's template engines could render the pages."""
    if not any(_loads_templates_of_apps(options) for options in settings.TEMPLATES):
        yield OWN_TEMPLATES.message()


def _loads_templates_of_apps(options: Mapping[str, Any]) -> bool:
    """Whether a backend of TEMPLATES is Django's and finds the templates of apps."""
    is_django = options.get("BACKEND") == "django.template.backends.django.DjangoTemplates"
    loaders = str(options.get("OPTIONS", {}).get("loaders", ""))
    return is_django and bool(options.get("APP_DIRS") or "app_directories" in loaders)
