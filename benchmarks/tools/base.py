"""What the child process asks of a tool."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Bounds = tuple[int, int]
"""The least and the most that may have been recorded."""


@dataclass(frozen=True)
class Work:
    """What a batch did, and a tool should have seen of it."""

    dispatches: int = 0
    calls: int = 0
    sync_calls: int = 0
    orphans: int = 0
    requests: int = 0


def exactly(count: int) -> Bounds:
    """Neither less nor more."""
    return count, count


class Tool:
    """Does nothing: what Django alone has."""

    opened_calls: int | None = None
    """How many receiver calls fit into what ``opened`` opens; None for any number."""

    def settings(self) -> Mapping[str, Any]:
        """What the tool wants in Django's settings; lists go before those that are there."""
        return {}

    def prepare(self) -> None:
        """Install what belongs before ``django.setup()``."""

    def start(self) -> None:
        """Install what belongs after ``django.setup()``."""

    def receiver(self, receiver: Callable[..., Any]) -> Callable[..., Any]:
        """The receiver as it is connected."""
        return receiver

    def send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """The send method as the sender calls it."""
        return send

    def opened(self) -> AbstractContextManager[object]:
        """What a request would have opened around the sends."""
        return contextlib.nullcontext()

    def flush(self) -> None:
        """Do everything that was deferred."""

    def recorded(self) -> Mapping[str, int]:
        """How much was recorded since the start, by kind."""
        return {}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        """How much must have been recorded of some work."""
        return {}

    def check(self) -> None:
        """Fail where the tool does not do what it is measured for; sends a few signals of its own."""
