"""Where a project's URLs include the pages, and which views, paths and sockets are theirs.

A URLconf is searched for the pages' ``include()``, and a path is compared with the patterns that lead to it only: the
project's other patterns, and their path converters, are not run, except by a system check.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.urls import (
    Resolver404,
    ResolverMatch,
    URLPattern,
    URLResolver,
    get_resolver,
    get_script_prefix,
    resolve,
    reverse,
)
from django.utils import translation

APP_NAME = "signal_monitor"
URLCONF = "signal_monitor.dashboard.urls"
VIEWS = "signal_monitor.dashboard.views"
SOCKET = "ws/"
"""The path of the websocket below that of the pages."""
DEFAULT_PLACE = "signals/"
"""Where the pages are taken to be in a process whose URLs do not include them: another one serves them."""
MAX_URLCONFS = 32

Patterns = tuple[Any, ...]
_other_urlconfs: dict[Any, None] = {}


def is_own_view(match: ResolverMatch) -> bool:
    """Whether a URL was resolved to a view of the dashboard."""
    return APP_NAME in match.app_names or getattr(match.func, "__module__", "") == VIEWS


def is_own_path(path: str, urlconf: object = None) -> bool:
    """Whether a path, without the script prefix, is that of a page."""
    return any(_is_page(rest) for rest in _below_mounts(path, urlconf or settings.ROOT_URLCONF))


def is_own_socket(path: str, *, remembered: bool = True) -> bool:
    """Whether a path, without the script prefix, is that of the live pages' websocket.

    It is looked for in the ROOT_URLCONF and in the URLconfs that are remembered.
    """
    if not path.endswith(f"/{SOCKET}"):
        return False
    urlconfs = [settings.ROOT_URLCONF, *(_other_urlconfs if remembered else ())]
    if not any(map(includes_pages, urlconfs)):
        return path == f"/{DEFAULT_PLACE}{SOCKET}"
    return any(rest == SOCKET for urlconf in urlconfs for rest in _below_mounts(path, urlconf))


def includes_pages(urlconf: object) -> bool:
    """Whether a URLconf includes the pages."""
    return bool(_mounts_in(get_resolver(urlconf)))  # type: ignore[arg-type] # any object with urlpatterns


def hidden_page(urlconf: object) -> tuple[str, str] | None:
    """The path of a page at which a view of the project's answers, and the name of that view; None if there is none.

    Places whose patterns need arguments, such as the name of a tenant, are not tried.
    """
    namespaces = list(_namespaces(get_resolver(urlconf), ()))  # type: ignore[arg-type] # any object with urlpatterns
    answers = [_answers_to(f"{each}:{page}", urlconf) for each in namespaces for page in _page_names()]
    hidden = [answer for answer in answers if answer is not None and not is_own_view(answer[1])]
    if not hidden:
        return None
    path, match = min(hidden, key=lambda answer: len(answer[0]))  # the first page, if it is among them
    return path, match._func_path  # noqa: SLF001 - as Django names views


def _page_names() -> list[str]:
    """The names of the pages that need no arguments."""
    patterns = [each for each in get_resolver(URLCONF).url_patterns if isinstance(each, URLPattern)]
    return [each.name for each in patterns if each.name and not each.pattern.converters]


def _namespaces(resolver: URLResolver, outer: tuple[URLResolver, ...]) -> Iterator[str]:
    """The namespace of the pages at each place."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver) and entry not in outer:
            if entry.app_name == APP_NAME:
                yield ":".join(step.namespace for step in (*outer, entry) if step.namespace)
            else:
                yield from _namespaces(entry, (*outer, entry))


def _answers_to(name: str, urlconf: Any) -> tuple[str, ResolverMatch] | None:  # noqa: ANN401 - any object with urlpatterns
    """The path of a view without the script prefix, and what it is resolved to."""
    try:
        path = f"/{reverse(name, urlconf).removeprefix(get_script_prefix())}"
        return path, resolve(path, urlconf)
    except Exception:  # noqa: BLE001 - it needs arguments, or a converter of the project's has raised
        return None


def remember_urlconf(urlconf: object) -> None:
    """Look for the socket in a URLconf, too, that a middleware has given to a request for a page."""
    if urlconf is not None and len(_other_urlconfs) < MAX_URLCONFS:
        _other_urlconfs.setdefault(urlconf)


@lru_cache(maxsize=MAX_URLCONFS)
def _mounts_in(resolver: URLResolver) -> tuple[Patterns, ...]:
    """For each place at which a URLconf includes the pages: the patterns that lead there."""
    return tuple(_search(resolver, ()))


def _search(resolver: URLResolver, outer: tuple[URLResolver, ...]) -> Iterator[Patterns]:
    for entry in resolver.url_patterns:
        if not isinstance(entry, URLResolver) or entry in outer:  # a URLconf may include itself
            continue
        if entry.app_name == APP_NAME:
            yield tuple(step.pattern for step in (*outer, entry))
        else:
            yield from _search(entry, (*outer, entry))


def _below_mounts(path: str, urlconf: object) -> Iterator[str]:
    """The rest of a path after each place of the pages that it begins with."""
    mounts = _mounts_in(get_resolver(urlconf))  # type: ignore[arg-type] # any object with urlpatterns
    if not mounts or not path.startswith("/"):
        return
    # In a context of its own, because the language of the application must stay what it is.
    rests = copy_context().run(_strip_each, mounts, path)
    yield from (rest for rest in rests if rest is not None)


def _strip_each(mounts: tuple[Patterns, ...], path: str) -> list[str | None]:
    # A websocket has not passed through LocaleMiddleware.
    if language := translation.get_language_from_path(path):
        translation.activate(language)
    return [_strip(patterns, path[1:]) for patterns in mounts]


def _strip(patterns: Patterns, path: str) -> str | None:
    """The rest of a path after a sequence of patterns; None if they do not match."""
    for pattern in patterns:
        found = pattern.match(path)
        if not found:
            return None
        path = found[0]
    return path


def _is_page(rest: str) -> bool:
    try:
        get_resolver(URLCONF).resolve(f"/{rest}")
    except Resolver404:
        return False
    return True
