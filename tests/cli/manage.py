"""``manage.py signals`` as people run it: in a pipe, and in a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.servers import PATIENCE_SECONDS, ROOT

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
LEFT_OUT = ("DJANGO_", "DEMO_", "TESTS_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "GITHUB_", "TERM")


@dataclass(frozen=True)
class Result:
    """What a command has printed, and its exit code."""

    stdout: str
    stderr: str
    code: int

    @property
    def data(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Manage:
    """Runs ``manage.py`` in the directory of a project."""

    root: Path

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, code: int = 0) -> Result:
        """Run it in a pipe; AssertionError unless it ends with the code."""
        done = subprocess.run(
            self.command(arguments), cwd=self.root, env=self.environment(env), capture_output=True, check=False
        )
        result = Result(done.stdout.decode(), done.stderr.decode(), done.returncode)
        assert result.code == code, result
        return result

    def command(self, arguments: tuple[str, ...]) -> list[str]:
        """The command line."""
        return [sys.executable, "manage.py", *arguments]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment without what would change the output, and without what the tests' own settings need."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        path = os.pathsep.join(filter(None, [str(self.root), str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return {**kept, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **(more or {})}

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run it in a pipe while the block does."""
        with subprocess.Popen(
            self.command(arguments),
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def in_terminal(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        columns: int = 200,
        until: str = "",
        then: Callable[[subprocess.Popen[bytes], int], object] | None = None,
    ) -> Result:
        """Run it in a terminal; once it has printed ``until``, do something to it, such as ``press_ctrl_c``."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with subprocess.Popen(
            self.command(arguments),
            cwd=self.root,
            env=self.environment({"TERM": "xterm-256color", **(env or {})}),
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        ) as process:
            os.close(follower)
            try:
                text = _read(leader, process, until, then)
                return Result(text, "", process.wait(PATIENCE_SECONDS))
            finally:
                os.close(leader)
                if process.poll() is None:
                    process.kill()


def press_ctrl_c(_process: subprocess.Popen[bytes], leader: int) -> None:
    """Press the key in the terminal."""
    os.write(leader, b"\x03")


def terminate(process: subprocess.Popen[bytes], _leader: int) -> None:
    """Send SIGTERM."""
    process.terminate()


def _read(
    leader: int,
    process: subprocess.Popen[bytes],
    until: str,
    then: Callable[[subprocess.Popen[bytes], int], object] | None,
) -> str:
    """All that a program prints to its terminal until it ends."""
    text, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not select.select([leader], [], [], 0.05)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            more = os.read(leader, 65_536)
        except OSError:  # the program has closed the terminal
            break
        if not more:
            break
        text += more
        if then is not None and until.encode() in text:
            then(process, leader)
            then = None
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    return text.decode()


def read_until(process: subprocess.Popen[bytes], text: str) -> str:
    """What a program prints to its pipe up to a line with a text; AssertionError if it ends before."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line.decode()
        if text in seen:
            return seen
    raise AssertionError(f"{text!r} is not in what was printed:\n{seen}")


def interrupt(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Interrupt a program as Ctrl-C does; its exit code, and what it wrote to standard error."""
    process.send_signal(signal.SIGINT)
    _out, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, errors.decode()
