"""Child processes and servers in the parent process: it sends commands and receives results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from .subjects import Subject

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10


class BenchmarkError(Exception):
    """A measurement failed, or a subject did not do what it was measured for; the message says which and why."""


class Measured(Protocol):
    """An object that answers commands."""

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Run a command; raises BenchmarkError if it fails."""


class Child:
    """A child process with one subject."""

    def __init__(self, python: str, name: str, subject: Subject, **variables: str) -> None:
        self.name = name
        command = [python, "-m", "benchmarks.child", json.dumps(asdict(subject))]
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(**variables)
        )

    def tell(self, do: str, **arguments: object) -> None:
        """Send a command, whose answer has to be read."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(f"{json.dumps({'do': do, **arguments})}\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Read the answer to the oldest unanswered command."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it has ended without an answer"}
        if "error" in answer:
            raise BenchmarkError(f"The subject {self.name!r} failed: {answer['error']}")
        return answer

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Run a command."""
        self.tell(do, **arguments)
        return self.answer()

    def stop(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: with this checkout, and without settings of the parent."""
    kept = {
        name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "PYTHONDEVMODE"}
    }
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def running_children(python: str, subjects: Mapping[str, Subject]) -> Iterator[dict[str, Child]]:
    """The subjects as child processes, except those whose modules this interpreter does not have."""
    with ExitStack() as stack:
        children: dict[str, Child] = {}
        for name, subject in subjects.items():
            children[name] = Child(python, name, subject)
            stack.callback(children[name].stop)
        for child in children.values():
            child.tell("start")
        for name, child in list(children.items()):
            if missing := child.answer()["missing"]:
                say(f"{name} is passed over: {', '.join(missing)} is not installed for {python}")
                del children[name]
        yield children


def say(text: str) -> None:
    """Print progress to stderr."""
    print(text, file=sys.stderr, flush=True)
