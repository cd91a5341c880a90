"""Processes that are started and stopped together, with their own child processes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_SECONDS = 5.0
TAIL_LINES = 20


class Child:
    """A process in a group of its own, so that Ctrl-C does not reach it and its children directly."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path | None) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def returncode(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """The last lines of its log; empty if it logs to the console."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log else ""
        return "\n".join(text.splitlines()[-TAIL_LINES:])

    def terminate(self) -> None:
        """Ask it to end; it ends its own child processes."""
        self._process.terminate()

    def kill_group(self) -> None:
        """Kill it and its child processes."""
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group that has ended
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, at most this long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


class Children:
    """A context manager that stops all children at its end."""

    def __init__(self, *, environ: Mapping[str, str], cwd: Path, log_directory: Path | None) -> None:
        self._environ = environ
        self._cwd = cwd
        self._log_directory = log_directory
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Start a child; its output goes to ``<name>.log``, or to the console when there is no log directory."""
        log = self._log_directory / f"{name}.log" if self._log_directory else None
        with log.open("wb") if log else nullcontext() as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=self._environ,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def first_ended(self) -> Child | None:
        """A child that has ended, if there is one."""
        return next((child for child in self._children if child.returncode is not None), None)

    def stop(self) -> None:
        """Ask the children to end, the last one first, and kill those that do not in time."""
        while self._children:
            child = self._children.pop()
            child.terminate()
            child.wait(GRACE_SECONDS)
            # The whole group, because its children may still run.
            child.kill_group()
            child.wait(GRACE_SECONDS)


class StopRequest:
    """Becomes true after Ctrl-C, SIGTERM or a closed terminal; a loop checks it."""

    def __init__(self) -> None:
        self._requested = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def __bool__(self) -> bool:
        return self._requested

    def _note(self, number: int, frame: object) -> None:
        self._requested = True
