"""The websocket route of the live pages, for projects with a router of their own."""

from __future__ import annotations

import re
from typing import Any, cast

from django.urls import NoReverseMatch, get_script_prefix, re_path, reverse
from django.utils.functional import lazy

from signal_monitor.dashboard.consumer import LiveConsumer

DEFAULT_MOUNT = "/signals/"


def mount_path() -> str:
    """Path under which the project's URLconf includes the pages, without the script prefix: "/signals/"."""
    try:
        return "/" + reverse("signal_monitor:overview").removeprefix(get_script_prefix())
    except NoReverseMatch:
        return DEFAULT_MOUNT  # another process serves the pages


def _live_pattern() -> str:
    return f"^{re.escape(mount_path().lstrip('/'))}ws/$"


# Lazy, because the URLconf must not be loaded before the first connection.
websocket_urlpatterns: list[Any] = [re_path(lazy(_live_pattern, str)(), cast("Any", LiveConsumer.as_asgi()))]
"""For the top level of a project's own URLRouter."""
