"""The base class of tools."""

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
    """What a batch did, and a tool has to record."""

    dispatches: int = 0
    calls: int = 0
    sync_calls: int = 0
    orphans: int = 0
    requests: int = 0


def exactly(count: int) -> Bounds:
    """The bounds of an exact count."""
    return count, count


class Tool:
    """Does nothing, as for Django alone."""

    opened_calls: int | None = None
    """How many receiver calls fit into what ``opened`` opens; None for any number."""

    def settings(self) -> Mapping[str, Any]:
        """Settings of the tool; lists are added before the existing ones."""
        return {}

    def prepare(self) -> None:
        """Install what has to be installed before ``django.setup()``."""

    def start(self) -> None:
        """Install what has to be installed after ``django.setup()``."""

    def receiver(self, receiver: Callable[..., Any]) -> Callable[..., Any]:
        """The receiver that is connected, perhaps wrapped."""
        return receiver

    def send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """The send method that the sender calls, perhaps wrapped."""
        return send

    def opened(self) -> AbstractContextManager[object]:
        """A context like that of a request around the sends."""
        return contextlib.nullcontext()

    def flush(self) -> None:
        """Do all deferred work."""

    def recorded(self) -> Mapping[str, int]:
        """The number of records since the start, by kind."""
        return {}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        """The number of records that some work has to make."""
        return {}

    def check(self) -> None:
        """Fail if the tool does not do what it is measured for; sends a few signals."""
