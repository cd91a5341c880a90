"""The addresses of the pages, as the browser sees them.

All begin with the *base*, the address of the overview. It is taken from the request, because only the request knows it
however the pages are included: below a prefix that a proxy strips, under a language or a tenant, or in a URLconf that a
middleware has chosen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import Context, ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlencode

from django.core.handlers.asgi import get_script_prefix as script_prefix_of
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.urls import NoReverseMatch, get_resolver, get_script_prefix, reverse
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from signal_monitor.mounts import APP_NAME, DEFAULT_PLACE, SOCKET, URLCONF, is_own_socket

KEY = "key"
"""The parameter of a socket's address that says whose it is where its path does not."""

_base: ContextVar[str] = ContextVar("signal_monitor_base", default="")


@contextlib.contextmanager
def based_at(base: str) -> Iterator[None]:
    """Make the addresses in a block begin with a base."""
    token = _base.set(base)
    try:
        yield
    finally:
        _base.reset(token)


def page_url(page: str, argument: str = "") -> str:
    """The address of a page; "" for an argument that a URL cannot contain."""
    route = _route(page, argument)
    return "" if route is None else f"{_base.get() or default_base()}{route}"


# A frame of the live table has some 250 links, most of them as in the frame before, and Django's reverse is slow.
@lru_cache(maxsize=4096)
def _route(page: str, argument: str) -> str | None:
    try:
        return str(get_resolver(URLCONF).reverse(page, *([argument] if argument else [])))
    except NoReverseMatch:
        return None


def default_base() -> str:
    """The base where no request gives it."""
    try:
        return reverse(f"{APP_NAME}:overview")
    except NoReverseMatch:
        return f"{get_script_prefix()}{DEFAULT_PLACE}"


def base_of_page(request: HttpRequest, page: str, argument: Mapping[str, str]) -> str:
    """The base, from a request for a page, its JSON or its parts."""
    match = request.resolver_match
    if match is None or match.url_name is None:
        return default_base()
    try:
        tail = unquote(str(get_resolver(URLCONF).reverse(match.url_name, page=page, **argument)))
    except NoReverseMatch:
        return default_base()
    return _base_of(str(request.META.get("SCRIPT_NAME", "")), request.path_info, tail) or default_base()


def base_of_socket(scope: Mapping[str, Any]) -> str:
    """The base, from the scope of a websocket."""
    return _base_of(script_prefix_of(scope), path_info_of(scope), SOCKET) or default_base()


def _base_of(script_name: str, path_info: str, tail: str) -> str:
    """The address that a path has without its tail; "" if it does not have this tail."""
    if not path_info.endswith(f"/{tail}"):
        return ""
    return _quoted(script_name, path_info.removesuffix(tail))


def _quoted(script_name: str, path_info: str) -> str:
    """A path as a URL of the same host: two leading slashes would name another one."""
    return escape_leading_slashes(escape_uri_path(script_name.rstrip("/") + path_info))


def path_info_of(scope: Mapping[str, Any]) -> str:
    """The path without the script prefix, as Django finds it for a request.

    A proxy may have removed the prefix already, and only some servers put it back.
    """
    path, prefix = str(scope["path"]), script_prefix_of(scope).rstrip("/")
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def browser_path(request: HttpRequest) -> str:
    """The path of a request as the browser sees it: ``request.path`` lacks a prefix that a proxy has removed."""
    return _quoted(str(request.META.get("SCRIPT_NAME", "")), request.path_info)


def socket_url(base: str, query: Sequence[tuple[str, str]]) -> str:
    """The address of a websocket; it has a key where the URLs of the project do not say that it is the monitor's."""
    path = f"/{unquote(base).removeprefix(get_script_prefix())}{SOCKET}"
    # In a new context, because the websocket has neither the language nor the script prefix of this request.
    is_found = Context().run(is_own_socket, path, remembered=False)
    return f"{base}{SOCKET}?{urlencode([*query] if is_found else [*query, (KEY, _signer().sign(SOCKET))])}"


def is_own_key(key: str) -> bool:
    """Whether a page of the monitor has made a key."""
    try:
        return _signer().unsign(key) == SOCKET
    except BadSignature:
        return False


def _signer() -> Signer:
    return Signer(salt="signal_monitor.socket")
