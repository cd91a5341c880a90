"""A finding: something that is wrong with a project's signals, with its evidence and what to do about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from signal_monitor.records import SubjectKind

Level = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""The levels, the worst first: an error loses something, a warning costs time, and a hint may be meant."""
Kind = Literal[
    "Slow",
    "Hangs",
    "Queries",
    "Raised",
    "Swallowed",
    "Too early",
    "Too late",
    "Lost",
    "Wrong",
    "Too often",
    "Twice",
    "Never runs",
]
"""What is wrong, in one or two words."""
ID_LENGTH = 12
SEVERAL = ("dispatches", "requests", "processes", "signals")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in one place.

    ``code`` and ``name`` are those of its rule, ``title`` says what kind of mistake it is, ``kind`` says it in a word.
    ``message`` is the sentence with names and numbers, ``why`` what it means for the project, ``advice`` the remedy,
    and ``sketch`` the same as the lines of a diff. ``subject`` is the name of a receiver, signal or sender; ``detail``
    tells findings of one rule about one subject apart, such as a call site.
    ``path`` and ``line`` are where to look. ``cost_ns`` is the time that people have waited for it, as far as it is
    known. ``first_seen`` and ``last_seen`` are in seconds since the epoch, None if it is known without running.
    ``count`` is how often it was seen, ``dispatches`` and ``requests`` are the ids of a few that show it.
    ``processes`` are the ids of the processes that it was seen in, a few. ``signals`` are those whose sends find no
    receiver because of it; their last names, where only the source tells. ``news_at`` is when it was last shown by what
    has happened, or else when a process first found it.
    """

    code: str
    name: str
    title: str
    level: Level
    subject_kind: SubjectKind
    subject: str
    message: str
    why: str
    advice: str
    sketch: str = ""
    kind: Kind = "Wrong"
    detail: str = ""
    path: str | None = None
    line: int | None = None
    cost_ns: int = 0
    first_seen: float | None = None
    last_seen: float | None = None
    count: int = 1
    dispatches: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    news_at: float = 0.0

    @property
    def id(self) -> str:
        """The same for the same rule, subject and detail, whichever process has found it."""
        text = "\0".join((self.code, self.subject_kind, self.subject, self.detail))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:ID_LENGTH]

    @property
    def anchor(self) -> str:
        """Where ``docs/findings.md`` explains it."""
        return self.code.lower()

    @property
    def silenced_by(self) -> str:
        """The entry of SILENCED_FINDINGS that silences it for its subject."""
        return f"{self.code}:{self.subject}"


def to_json(finding: Finding) -> str:
    """A finding as text, for the registry of a process."""
    return json.dumps(asdict(finding))


def from_json(text: str) -> Finding | None:
    """The finding of a text that ``to_json`` returned; None for that of another version."""
    try:
        values = json.loads(text)
        several = {name: tuple(map(str, values[name])) for name in SEVERAL}
        return Finding(**{**values, **several})
    except (ValueError, TypeError, LookupError):
        return None
