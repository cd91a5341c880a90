"""Processes that are started and stopped together, with their own child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_SECONDS = 3.5
"""How long children may take to end; with a killed one, the demo ends within 5 seconds."""

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

    def close(self) -> None:
        """Close the pipe by which it notices the end of this process."""
        if self._process.stdin:
            self._process.stdin.close()

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
        """Start a Python program; it writes to ``<name>.log``, or to the console when there is no log directory.

        The child ends when this process does, even if that is killed.
        """
        log = self._log_directory / f"{name}.log" if self._log_directory else None
        with log.open("wb") if log else nullcontext() as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "demo.home.guarded", *command[1:]],
                env={**self._environ, "DEMO_PROCESS": name},
                cwd=self._cwd,
                stdin=subprocess.PIPE,
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
        """Ask all children to end, and kill those that do not in time."""
        children, self._children = self._children, []
        for child in children:
            child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in children:
            child.wait(max(0.0, deadline - time.monotonic()))
        for child in children:
            # The whole group, because its children may still run.
            child.kill_group()
        for child in children:
            child.wait(GRACE_SECONDS)
            child.close()


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
