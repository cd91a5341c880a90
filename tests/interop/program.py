"""A program with tools in it: ``python -m tests.interop.program sentry monitor work -monitor work``.

Tools are put on (``name``) and taken off (``-name``) in the order given; each ``work`` is reported on as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from types import FunctionType
from typing import Any

import django
from django.conf import settings
from django.dispatch import Signal, dispatcher

from . import work
from .tools import TOOLS, Tool


def configure(tools: list[Tool]) -> None:
    """The settings, with what the tools want there."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", *(app for tool in tools for app in tool.apps)],
        MIDDLEWARE=[item for tool in tools for item in tool.middleware],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:interop?mode=memory&cache=shared"}
        },
        ROOT_URLCONF="tests.interop.urls",
        SECRET_KEY="for tests only",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        **{name: value for tool in tools for name, value in tool.settings.items()},
    )


def set_up(names: list[str]) -> None:
    """Set Django up, which tools want to see, and connect the receivers."""
    django.setup()
    work.connect()
    for name in names:
        TOOLS[name].attend()
    logging.getLogger("django.dispatch").addHandler(work.Noting())


def djangos() -> list[str]:
    """What of ``Signal`` is Django's own."""
    names = ("__init__", "_live_receivers", "asend", "asend_robust", "send", "send_robust")
    return [name for name in names if _is_djangos(Signal.__dict__[name])]


def _is_djangos(method: Any) -> bool:
    return type(method) is FunctionType and method.__code__.co_filename == dispatcher.__file__


def report(names: list[str]) -> dict[str, Any]:
    """Work, and say what came of it."""
    if not django.apps.apps.ready:
        set_up(names)
    return {
        "answers": [*work.run(), *(answer for name in names for answer in TOOLS[name].work())],
        "products": {name: TOOLS[name].product() for name in names},
        "djangos": djangos(),
    }


def main(steps: list[str]) -> list[dict[str, Any]]:
    """Take the steps in turn; answers the reports."""
    names = list(dict.fromkeys(step for step in steps if step in TOOLS))
    configure([TOOLS[name] for name in names])
    reports: list[dict[str, Any]] = []
    for step in steps:
        if step == "work":
            reports.append(report(names))
        elif step.startswith("-"):
            TOOLS[step[1:]].take_off()
        else:
            TOOLS[step].put_on()
    return reports


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))  # noqa: T201 - it is the answer
