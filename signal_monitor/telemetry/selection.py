"""Which dispatches and receiver calls get spans: patterns of signals, senders, receivers and apps."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from signal_monitor.conf import WITHOUT_SPANS
from signal_monitor.names import Apps

if TYPE_CHECKING:
    from signal_monitor.instrumentation.catalogue import ReceiverInfo

MAX_REMEMBERED = 10_000


class Selection:
    """What gets no spans.

    ``patterns`` are shell patterns of dotted names; one that begins with ``!`` selects again what a pattern before it
    excludes, as in a ``.gitignore`` file. A dispatch gets no spans if its signal or its sender is excluded. A receiver
    call gets no span if its receiver, or the app that defines the receiver, is excluded; what it does is then a child
    of the dispatch's span.
    """

    def __init__(self, patterns: Sequence[str] = (), apps: Apps | None = None) -> None:
        self._patterns = [(pattern.startswith("!"), _compiled(pattern.removeprefix("!"))) for pattern in patterns]
        self._apps = apps or Apps()
        self._selected: dict[str, bool] = {}
        # The default patterns name signals only: senders and receivers need not be compared with them.
        own = [pattern for pattern in patterns if pattern not in WITHOUT_SPANS and not pattern.startswith("!")]
        self._by_sender = self.parts_receivers = bool(own)

    def takes_dispatch(self, signal: str, sender: str) -> bool:
        """Whether a dispatch gets spans."""
        return self._takes(signal) and (not self._by_sender or self._takes(sender))

    def takes_receiver(self, receiver: ReceiverInfo) -> bool:
        """Whether the calls of a receiver get spans."""
        if not self.parts_receivers:
            return True
        return self._takes(receiver.name) and self._takes(self._apps.of(receiver.module) or "")

    def _takes(self, name: str) -> bool:
        """Whether a name is selected; each name is compared with the patterns once."""
        selected = self._selected.get(name)
        if selected is None:
            if len(self._selected) >= MAX_REMEMBERED:
                self._selected.clear()
            selected = self._selected[name] = self._judge(name)
        return selected

    def _judge(self, name: str) -> bool:
        """The last pattern that matches decides."""
        matching = (negated for negated, pattern in reversed(self._patterns) if pattern.match(name))
        return next(matching, True)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
