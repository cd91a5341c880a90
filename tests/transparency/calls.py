"""What several programs call: send methods, and receivers that say how often they ran."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from django.dispatch import Signal

METHODS = {name: name for name in ("send", "send_robust", "asend", "asend_robust")}
SYNC = {name: name for name in ("send", "send_robust")}
ASYNC = {name: name for name in ("asend", "asend_robust")}


class Sender:
    """Sends."""


def call(signal: Any, method: str, /, *args: Any, **named: Any) -> Any:
    """Call a send method, on an event loop where it is an async one."""
    sent = getattr(signal, method)(*args, **named)
    return asyncio.run(sent) if inspect.iscoroutine(sent) else sent


def connected(*receivers: Any, cls: type[Signal] = Signal, **options: Any) -> Any:
    """A signal with receivers, which it holds strongly."""
    made = cls(**options)
    for receiver in receivers:
        made.connect(receiver, weak=False)
    return made


def first(value: Any = None, **named: Any) -> Any:
    """Answer an argument."""
    return value


def second(**named: Any) -> Any:
    """Answer the names of the arguments."""
    return sorted(named)


async def third(**named: Any) -> Any:
    """Answer later."""
    return "third"
