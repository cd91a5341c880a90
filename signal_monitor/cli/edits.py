"""The lines to add to a project's files for each problem of its setup."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage

from signal_monitor import checks, server_checks
from signal_monitor.mounts import includes_pages

DJANGOS_ASGI = "from django.core.asgi import get_asgi_application"
OUR_ASGI = "from signal_monitor.asgi import get_asgi_application"
URL = 'path("signals/", include("signal_monitor.urls")),'
INCLUDE = "from django.urls import include, path"


@dataclass(frozen=True)
class Edit:
    """Lines to add to a file, and those that they replace; ``where`` says in which place."""

    path: str
    where: str
    added: Sequence[str]
    removed: Sequence[str] = ()


def edits_for(problem: CheckMessage) -> list[Edit]:
    """The edits that solve a problem; none where only a person can decide, as its hint says."""
    make = EDITS.get(str(problem.id))
    return list(make()) if make is not None else []


def _app_order() -> Iterator[Edit]:
    apps = list(settings.INSTALLED_APPS)
    mine = next((name for name in apps if name.startswith("signal_monitor")), "signal_monitor")
    where = "directly after 'daphne'" if "daphne" in apps else "first"
    yield Edit(_setting_path("INSTALLED_APPS"), f"in INSTALLED_APPS, {where}", [f'"{mine}",'])
    yield Edit(_setting_path("INSTALLED_APPS"), "in INSTALLED_APPS, where it is now", [], [f'"{mine}",'])


def _daphne() -> Iterator[Edit]:
    yield Edit(_setting_path("INSTALLED_APPS"), "in INSTALLED_APPS, first", ['"daphne",'])


def _channels() -> Iterator[Edit]:
    yield Edit(_setting_path("INSTALLED_APPS"), "in INSTALLED_APPS, at the end", ['"channels",'])


def _htmx() -> Iterator[Edit]:
    yield Edit(_setting_path("INSTALLED_APPS"), "in INSTALLED_APPS, at the end", ['"django_htmx",'])


def _middleware() -> Iterator[Edit]:
    yield Edit(_setting_path("MIDDLEWARE"), "in MIDDLEWARE, first", [f'"{checks.MIDDLEWARE}",'])


def _middleware_order() -> Iterator[Edit]:
    yield from _middleware()
    yield Edit(_setting_path("MIDDLEWARE"), "in MIDDLEWARE, where it is now", [], [f'"{checks.MIDDLEWARE}",'])


def _asgi_application() -> Iterator[Edit]:
    package = project_package()
    yield Edit(_setting_path("ASGI_APPLICATION"), "anywhere", [f'ASGI_APPLICATION = "{package}.asgi.application"'])
    yield from _asgi_module(f"{package}.asgi")


def _plain_asgi() -> Iterator[Edit]:
    yield from _asgi_module(str(getattr(settings, "ASGI_APPLICATION", "")).rpartition(".")[0])


def _no_such_asgi() -> Iterator[Edit]:
    named = str(getattr(settings, "ASGI_APPLICATION", "")).rpartition(".")[0]
    if _file_of(named):
        yield from _asgi_module(named)
    else:
        yield from _asgi_application()


def _asgi_module(module: str) -> Iterator[Edit]:
    """What an ASGI module lacks; all of it, where there is none."""
    path = _file_of(module)
    text = _text(path)
    if path and DJANGOS_ASGI in text:
        yield Edit(path, "its import", [OUR_ASGI], [DJANGOS_ASGI])
    elif not path or "get_asgi_application" not in text:
        yield Edit(
            path or str(Path(settings_path()).parent / "asgi.py"),
            "a new file" if not path else "in place of its application",
            [
                "import os",
                "",
                OUR_ASGI,
                "",
                f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings.SETTINGS_MODULE}")',
                "",
                "application = get_asgi_application()",
            ],
        )


def _urls() -> Iterator[Edit]:
    name = getattr(settings, "ROOT_URLCONF", None)
    path = _file_of(str(name)) if name else ""
    if not path:
        return
    if not re.search(r"^from django\.urls import .*\binclude\b", _text(path), re.MULTILINE):
        yield Edit(path, "at the top", [INCLUDE])
    is_hidden = includes_pages(name)
    yield Edit(path, "in urlpatterns, first, and not where it is now" if is_hidden else "in urlpatterns", [URL])


def _setting_path(name: str) -> str:
    """The file that sets a setting: the settings module, or a module of its package; the former if none does."""
    module = str(settings.SETTINGS_MODULE)
    package = module.rpartition(".")[0] or module
    names = [module, *(each for each in sorted(sys.modules) if each.startswith(f"{package}."))]
    for path in map(_file_of_loaded, names):
        if re.search(rf"^{name}\s*(?::[^=]+)?=", _text(path), re.MULTILINE):
            return path
    return settings_path()


def settings_path() -> str:
    """The file of the settings module."""
    return _file_of_loaded(str(settings.SETTINGS_MODULE)) or "settings.py"


def project_package() -> str:
    """The package that has ``asgi.py`` and ``wsgi.py``, as far as the settings tell."""
    wsgi = getattr(settings, "WSGI_APPLICATION", None) or ""
    urls = getattr(settings, "ROOT_URLCONF", None) or ""
    named = (
        wsgi.rpartition(".wsgi.")[0],
        str(urls).rpartition(".")[0],
        str(settings.SETTINGS_MODULE).partition(".")[0],
    )
    return next(filter(None, named), "project")


def _file_of_loaded(module: str) -> str:
    return str(getattr(sys.modules.get(module), "__file__", None) or "")


def _file_of(module: str) -> str:
    """The file of a module, which is not imported, but its packages are; empty if there is none."""
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):  # no such package, no package, no name
        return ""
    return spec.origin if spec is not None and spec.origin and spec.origin.endswith(".py") else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError:
        return ""


EDITS: Mapping[str, Callable[[], Iterator[Edit]]] = {
    checks.APP_ORDER.id: _app_order,
    checks.NO_DAPHNE.id: _daphne,
    checks.NO_CHANNELS.id: _channels,
    checks.NO_HTMX.id: _htmx,
    checks.NO_MIDDLEWARE.id: _middleware,
    checks.MIDDLEWARE_ORDER.id: _middleware_order,
    checks.NO_ASGI_APPLICATION.id: _asgi_application,
    checks.NO_URLS.id: _urls,
    server_checks.PLAIN_ASGI_APPLICATION.id: _plain_asgi,
    server_checks.NO_SUCH_ASGI_APPLICATION.id: _no_such_asgi,
}
ASGI_ONLY = {
    problem.id
    for problem in (
        checks.NO_DAPHNE,
        checks.NO_CHANNELS,
        checks.NO_ASGI_APPLICATION,
        server_checks.PLAIN_ASGI_APPLICATION,
        server_checks.NO_SUCH_ASGI_APPLICATION,
        server_checks.RUNSERVER_REPLACED,
        server_checks.DAPHNE_REPLACED,
    )
}
"""Problems that a project does not have which runs under WSGI only."""
