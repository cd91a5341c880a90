"""Real servers for tests: sites, Redis, and a browser. All listen on ports that the system chose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
"""How long a test waits for what a busy machine does late."""
STAFF_NAME = STAFF_PASSWORD = "staff"
LISTENING = re.compile(r"(?:Listening on TCP address |[Rr]unning on http://|Listening at: http://)127\.0\.0\.1:(\d+)")
"""How daphne, uvicorn, hypercorn and gunicorn say on which port they listen."""
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def unavailable(reason: str) -> None:
    """Skip the test with the reason; under CI, where everything has to run, fail instead."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_program(*names: str, package: str) -> str:
    """The path of the first of these programs that is installed; where none is, skips and says what installs it."""
    for name in names:
        if path := shutil.which(name):
            return path
    unavailable(f"{names[0]} is not installed (sudo apt install {package})")
    raise AssertionError("not reached: unavailable() raises")


def wait_until(condition: Callable[[], bool], timeout: float = PATIENCE_SECONDS) -> bool:
    """Whether the condition became true in time."""
    deadline, pause = time.monotonic() + timeout, 0.02
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(1.3 * pause, 0.2)  # most conditions ask a site, which takes processor time from others
    return True


@dataclass
class Site:
    """A site in a process of its own; a test that makes a view fail sets ``may_log_tracebacks``."""

    process: subprocess.Popen[bytes]
    log_path: Path
    url: str = ""
    may_log_tracebacks: bool = False
    log_start: int = 0

    @property
    def log(self) -> str:
        """All that the site has printed since it began, or began anew."""
        return self.log_path.read_bytes()[self.log_start :].decode(errors="replace")

    @property
    def tracebacks(self) -> list[str]:
        """The entries of the log that have a traceback, but for those of clients that went away.

        Django itself lets go of a task with an unseen RequestAborted when a browser leaves in the middle of a request.
        """
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", self.log, flags=re.MULTILINE)
        return [entry for entry in entries if "Traceback" in entry and "RequestAborted" not in entry]

    def assert_no_traceback(self) -> None:
        """AssertionError if the log has a traceback that the test has not asked for."""
        assert self.may_log_tracebacks or not self.tracebacks, f"the site's log has a traceback:\n{self.log}"

    def begin_anew(self) -> None:
        """Forget what the site has recorded and logged, for the next test (see tests.support.anew)."""
        with urlopen(f"{self.url}/begin-anew/", timeout=PATIENCE_SECONDS):  # noqa: S310 - our own site
            self.may_log_tracebacks = False
            self.log_start = self.log_path.stat().st_size

    def wait_until_listening(self) -> None:
        """Learn the port; AssertionError with the log when the site does not come up."""
        assert wait_until(self._is_listening), f"the site does not answer:\n{self.log}"

    def stop(self) -> None:
        """Stop the site as its owner would, with SIGTERM; kills it when it does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the site does not stop on SIGTERM:\n{self.log}") from None

    def _is_listening(self) -> bool:
        assert self.process.poll() is None, f"the site ended with {self.process.returncode}:\n{self.log}"
        if found := LISTENING.search(self.log):
            self.url = f"http://127.0.0.1:{found[1]}"
        return bool(found)


SERVERS = {
    "daphne": ["daphne", "--bind", "127.0.0.1", "--port", "0"],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "0"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:0"],
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:0"],
}


WITHOUT_DEVELOPMENT_MODE = {"PYTHONDEVMODE": "", "PYTHONWARNINGS": "default", "PYTHONFAULTHANDLER": "1"}
"""What servers have of Python's development mode: asyncio's own, which doubles what a request takes, is left to nox."""


def site_environment(directory: Path, *, debug: bool) -> dict[str, str]:
    """What makes the database and the store the site's own (see tests.settings)."""
    return {
        **os.environ,
        **WITHOUT_DEVELOPMENT_MODE,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DEMO_DATABASE": str(directory / "db.sqlite3"),
        "TESTS_STORE": f"sqlite:///{directory / 'signals' / 'store.sqlite3'}",
        "TESTS_DEBUG": "1" if debug else "0",
    }


@contextmanager
def running_site(
    directory: Path,
    application: str = "tests.asgi:application",
    *,
    debug: bool = True,
    env: Mapping[str, str] | None = None,
    wsgi: bool = False,
    server: str = "daphne",
    options: Sequence[str] = (),
) -> Iterator[Site]:
    """A site that runs while the block does; AssertionError afterwards if its log has a traceback.

    It is served by a server of SERVERS with some options, or, with ``wsgi``, by a plain WSGI server.
    """
    log_path = directory / "site.log"
    served = [sys.executable, "-m", *SERVERS[server], *options, application]
    command = [sys.executable, "-m", "tests.wsgi_server"] if wsgi else served
    environment = {**site_environment(directory, debug=debug), **(env or {})}
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, cwd=ROOT
        ) as process,
    ):
        site = Site(process, log_path)
        try:
            site.wait_until_listening()
            yield site
        finally:
            site.stop()
    site.assert_no_traceback()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, driven by Playwright; take a ``browser.new_context()`` per test.

    Playwright's synchronous API leaves an event loop running on the test's thread: a module that uses this fixture has
    no asynchronous tests, and does not touch the ORM.
    """
    path = find_program("chromium", "chromium-browser", "google-chrome", package="chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis that lives as long as the test and writes nothing but its log."""
    program = find_program("redis-server", package="redis-server")
    port = unused_port()
    command = [
        program,
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--dir",
        str(tmp_path),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    log_path = tmp_path / "redis.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            assert wait_until(lambda: process.poll() is not None or _answers(port)), log_path.read_text()
            assert process.poll() is None, f"redis-server ended:\n{log_path.read_text()}"
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def unused_port() -> int:
    """A port that was free a moment ago: Redis cannot choose one itself and say which."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
