"""Processes of one project that share its SQLite store, for ``benchmarks.scale``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .children import BenchmarkError, Child
from .subjects import Subject
from .tools import STORE


class Together:
    """Processes of one subject, which do the same at once."""

    def __init__(self, children: list[Child], *, shares: bool) -> None:
        self._children = children
        self._shares = shares

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Run a command in all processes; the CPU time is that of one process."""
        before = self._recorded()
        for child in self._children:
            child.tell(do, **arguments)
        answers = [child.answer() for child in self._children]
        sends = sum(answer["sends"] for answer in answers)
        self._prove(before, self._recorded(), sends)
        return {"cpu": sum(answer["cpu"] for answer in answers) / len(answers)}

    def _recorded(self) -> list[Mapping[str, int]]:
        return [child.ask("recorded") for child in self._children] if self._shares else []

    def _prove(self, before: list[Mapping[str, int]], after: list[Mapping[str, int]], sends: int) -> None:
        """Fail unless the store that all processes see has all dispatches, and no process has dropped one."""
        for old, new in zip(before, after, strict=True):
            counts = {kind: new[kind] - old[kind] for kind in ("dispatches", "drops", "faults")}
            if counts != {"dispatches": sends, "drops": 0, "faults": 0}:
                raise BenchmarkError(f"{len(after)} processes recorded {counts} instead of {sends} dispatches")


@contextmanager
def running_together(python: str, name: str, subject: Subject, count: int) -> Iterator[Together]:
    """So many processes of a subject, with one store."""
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="benchmarks"))
        store = f"sqlite:///{Path(directory, 'signals.sqlite3')}"
        children = []
        for number in range(count):
            children.append(Child(python, f"{name} {number + 1} of {count}", subject, **{STORE: store}))
            stack.callback(children[-1].stop)
        for child in children:
            child.tell("start")
        for child in children:
            child.answer()
        yield Together(children, shares=bool(subject.tools))
