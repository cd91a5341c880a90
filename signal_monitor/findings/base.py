"""The base classes of the rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from signal_monitor.finding import Finding, Kind, Level
from signal_monitor.records import SubjectKind

from .connected import LiveSignal
from .snapshot import Snapshot


class Rule(ABC):
    """One kind of mistake.

    ``what`` explains it, and ``remedy`` says what to do, both for the documentation. ``sketch`` shows the remedy as the
    lines of a diff, with ``{receiver}`` for the function's name. ``minimum`` is the evidence from which it is reported,
    ``innocent`` what looks alike and is not reported.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Kind] = "Wrong"
    level: ClassVar[Level] = "warning"
    what: ClassVar[str]
    remedy: ClassVar[str]
    sketch: ClassVar[tuple[str, ...]] = ()
    minimum: ClassVar[str]
    innocent: ClassVar[str]

    def finding(self, kind: SubjectKind, subject: str, message: str, **more: Any) -> Finding:  # noqa: ANN401 - fields
        """A finding of this rule; ``why``, ``advice`` and ``sketch`` are those of the rule unless they are given."""
        sketch = sketched(self.sketch, subject if kind == "receiver" else "")
        fields = {"level": self.level, "why": self.what, "advice": self.remedy, "sketch": sketch, **more}
        return Finding(
            code=self.code,
            name=self.name,
            title=self.title,
            kind=self.kind,
            subject_kind=kind,
            subject=subject,
            message=message,
            **fields,
        )


def sketched(lines: Sequence[str], receiver: str = "") -> str:
    """A sketch with the last part of a receiver's name, where that can be the name of a function."""
    name = receiver.rpartition(".")[2]
    return "\n".join(lines).replace("{receiver}", name if name.isidentifier() else "receiver")


class RecordRule(Rule):
    """A rule about what has run: a function of what the store holds."""

    @abstractmethod
    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        """The findings in what the store holds."""


class RegistryRule(Rule):
    """A rule about what is connected: evaluated in each process, with the real objects.

    Those that are ``certain`` are system checks too.
    """

    certain: ClassVar[bool] = True

    @abstractmethod
    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        """The findings among what is connected."""
