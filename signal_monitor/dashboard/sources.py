"""The lines of source at which slow calls of a receiver were seen."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signal_monitor.records import Frame, ReceiverCall
from signal_monitor.scrubbing import scrub
from signal_monitor.text import MAX_LINE, cleaned

CONTEXT = 3
"""Lines of source before and after the one at which calls were seen."""
MOST_PLACES = 3


@dataclass(frozen=True)
class SourceLine:
    """A line of a file; ``seen`` is the share of the samples that were at it, from 0 to 1."""

    number: int
    text: str
    seen: float = 0.0


@dataclass(frozen=True)
class Place:
    """A line at which ``samples`` of ``of`` slow calls were seen, with the source around it.

    ``changed`` says that the file is newer than the calls: the source may not be what ran. ``source`` is empty if this
    process cannot read the file.
    """

    frame: Frame
    samples: int
    of: int
    source: Sequence[SourceLine]
    changed: bool

    @property
    def share(self) -> float:
        """The share of the samples that were at this line, from 0 to 1."""
        return self.samples / self.of


def places(calls: Iterable[tuple[float, ReceiverCall]]) -> list[Place]:
    """The lines at which slow calls, each with the time it was made, were seen; the most frequent first."""
    seen = [(at, call.slow_line) for at, call in calls if call.slow_line is not None]
    counts = Counter(line for _at, line in seen)
    last = {line: at for at, line in reversed(seen)}
    return [
        Place(line, samples, len(seen), source_around(line, samples / len(seen)), _is_newer(line.path, last[line]))
        for line, samples in counts.most_common(MOST_PLACES)
    ]


def source_around(frame: Frame, seen: float) -> list[SourceLine]:
    """The source around a line, as the file is now; nothing if it cannot be read or has no such line."""
    if not is_source(frame.path):
        return []
    linecache.checkcache(frame.path)
    if not linecache.getline(frame.path, frame.line):
        return []
    numbers = range(max(1, frame.line - CONTEXT), frame.line + CONTEXT + 1)
    lines = [(number, linecache.getline(frame.path, number)) for number in numbers]
    return [
        SourceLine(number, cleaned(scrub(text.rstrip()), MAX_LINE), seen if number == frame.line else 0.0)
        for number, text in lines
        if text
    ]


def is_source(path: str) -> bool:
    """Whether a path is that of Python source: no other file is read, whatever a record says."""
    return path.endswith(".py") and "\0" not in path


def _is_newer(path: str, at: float) -> bool:
    try:
        return Path(path).stat().st_mtime > at
    except (OSError, ValueError):
        return False
