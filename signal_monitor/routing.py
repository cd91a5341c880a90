"""The websocket route of the live pages, for projects with a router of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from django.urls import URLPattern
from django.urls.resolvers import RegexPattern

from signal_monitor.dashboard.addresses import KEY, is_own_key, path_info_of
from signal_monitor.dashboard.consumer import LiveConsumer
from signal_monitor.mounts import SOCKET, is_own_socket

live = cast("Any", LiveConsumer.as_asgi())
"""The application of the websocket."""


def is_for_live(scope: Mapping[str, Any]) -> bool:
    """Whether a websocket is for the live pages: its path says so, or a key that one of the pages has made."""
    if not scope["path"].endswith(f"/{SOCKET}"):
        return False
    try:
        query = QueryDict(scope.get("query_string", b""))
    except TooManyFieldsSent:
        return False
    return "page" in query and (is_own_socket(path_info_of(scope)) or is_own_key(query.get(KEY, "")))


class _LivePattern(RegexPattern):
    """Matches the path of the websocket, wherever the URLs include the pages."""

    def match(self, path: str) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
        return ("", (), {}) if is_own_socket(f"/{path}") else None


websocket_urlpatterns: list[Any] = [URLPattern(_LivePattern(r"ws/$"), live)]
"""For the top level of a project's own URLRouter."""
