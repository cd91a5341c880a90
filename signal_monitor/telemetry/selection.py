"""Which dispatches and receiver calls are to have spans: by pattern of signal, sender, receiver and application."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from signal_monitor.conf import SELECTABLE
from signal_monitor.names import Apps

if TYPE_CHECKING:
    from signal_monitor.instrumentation.catalogue import ReceiverInfo

MAX_REMEMBERED = 10_000
Patterns = Mapping[str, Sequence[str]]
"""Patterns of names, as the shell's, by what they are names of."""
NO_PATTERNS: Patterns = {}


class Kind:
    """What the patterns for one kind of name say of each name; each is asked about once."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self.narrow = bool(include or exclude)
        self._include = _matcher(include)
        self._exclude = _matcher(exclude)
        self.known: dict[str | None, bool] = {}

    def takes(self, name: str | None) -> bool:
        """Whether a name matches one of the patterns to include, if there are any, and none of those to exclude."""
        taken = self.known.get(name)
        if taken is None:
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            taken = self.known[name] = self._judge(name or "")
        return taken

    def _judge(self, name: str) -> bool:
        included = self._include is None or bool(self._include.match(name))
        return included and not (self._exclude is not None and self._exclude.match(name))


class Selection:
    """What is to have spans.

    A dispatch is selected by its signal and its sender. A receiver call is selected, within such a dispatch, by its
    receiver and by the application that defines the receiver; one that is not has no span, and what it does hangs under
    its dispatch's.
    """

    def __init__(
        self, include: Patterns = NO_PATTERNS, exclude: Patterns = NO_PATTERNS, apps: Apps | None = None
    ) -> None:
        kinds = {kind: Kind(include.get(kind, ()), exclude.get(kind, ())) for kind in SELECTABLE}
        self._signal, self._sender = kinds["signal"], kinds["sender"]
        self._receiver, self._app = kinds["receiver"], kinds["app"]
        self._apps = apps or Apps()
        self._by_sender = self._sender.narrow
        self.parts_receivers = self._receiver.narrow or self._app.narrow

    def takes_dispatch(self, signal: str, sender: str) -> bool:
        """Whether a dispatch gets spans."""
        taken = self._signal.known.get(signal)
        if taken is None:
            taken = self._signal.takes(signal)
        return taken and (not self._by_sender or self._sender.takes(sender))

    def takes_receiver(self, receiver: ReceiverInfo) -> bool:
        """Whether the calls of a receiver get spans."""
        if not self.parts_receivers:
            return True
        if not self._receiver.takes(receiver.name):
            return False
        return not self._app.narrow or self._app.takes(self._apps.of(receiver.module))


def _matcher(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, patterns))) if patterns else None
