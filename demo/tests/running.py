"""The demo as its users start it: ``manage.py demo`` in a process of its own, with data of its own."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.servers import WITHOUT_DEVELOPMENT_MODE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0
"""How long a test waits for what a busy machine does late."""


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def demo_environ(directory: Path) -> dict[str, str]:
    """An environment with a database, a store and a broker of the test's own."""
    return {
        **{name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"},
        **WITHOUT_DEVELOPMENT_MODE,
        "DJANGO_SETTINGS_MODULE": "demo.settings",
        "DEMO_DATABASE": str(directory / "db.sqlite3"),
        "DEMO_STORE": f"sqlite:///{directory / 'signals' / 'store.sqlite3'}",
        "DEMO_BROKER_DIR": str(directory / "broker"),
    }


def demo_line(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, str(ROOT / "manage.py"), "demo", *arguments]


class Demo:
    """A running ``manage.py demo``; under a program, such as ``opentelemetry-instrument``, if one is named."""

    def __init__(self, directory: Path, *arguments: str, environ: Mapping[str, str], under: str = "") -> None:
        self._directory = directory
        self._output = directory / "output.txt"
        self._environ = {**demo_environ(directory), **environ}
        with self._output.open("wb") as stream:
            line = [*filter(None, [under]), *demo_line("--port", "0", *arguments)]
            self.process = subprocess.Popen(line, env=self._environ, stdout=stream, stderr=stream)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for_url(self) -> str:
        assert eventually(lambda: "Dashboard" in self.output or self.process.poll() is not None), self.output
        found = re.search(r"Site +(\S+)", self.output)
        assert found, self.output
        return found[1]

    def children(self, of: int | None = None) -> list[int]:
        """Its children, or those of one of them, in the order in which they were started."""
        line = ["ps", "-A", "-o", "pid=,ppid=", "--sort=start_time"]
        listing = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        pairs = (line.split() for line in listing.splitlines())
        return [int(pid) for pid, parent in pairs if int(parent) == (of or self.process.pid)]

    def manage(self, *arguments: str) -> str:
        """Run a management command beside it, and return what that prints."""
        line = [sys.executable, str(ROOT / "manage.py"), *arguments]
        ended = subprocess.run(line, env=self._environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def count(self, query: str) -> int:
        with closing(sqlite3.connect(self._directory / "db.sqlite3")) as connection:
            return int(connection.execute(query).fetchone()[0])

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def started(directory: Path, *arguments: str, under: str = "", **environ: str) -> Iterator[Demo]:
    """Start the demo, and end it with the block."""
    demo = Demo(directory, *arguments, environ=environ, under=under)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.end(signal.SIGTERM)
