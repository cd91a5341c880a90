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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
PREPARE_DATABASE = f"""
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser({STAFF_NAME!r}, "", {STAFF_PASSWORD!r})
"""


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
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Site:
    """A site in a process of its own; a test that makes a view fail sets ``may_log_tracebacks``."""

    process: subprocess.Popen[bytes]
    log_path: Path
    url: str = ""
    may_log_tracebacks: bool = False

    @property
    def log(self) -> str:
        """All that the site has printed."""
        return self.log_path.read_text(errors="replace")

    @property
    def tracebacks(self) -> list[str]:
        """The entries of the log that have a traceback, but for those of clients that went away.

        Django itself lets go of a task with an unseen RequestAborted when a browser leaves in the middle of a request.
        """
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", self.log, flags=re.MULTILINE)
        return [entry for entry in entries if "Traceback" in entry and "RequestAborted" not in entry]

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


def site_environment(directory: Path, *, debug: bool) -> dict[str, str]:
    """What makes the database and the store the site's own (see tests.settings)."""
    return {
        **os.environ,
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
    assert site.may_log_tracebacks or not site.tracebacks, f"the site's log has a traceback:\n{site.log}"


@pytest.fixture(scope="session")
def prepared_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with one active superuser, STAFF_NAME; sites get copies of it."""
    directory = tmp_path_factory.mktemp("prepared")
    subprocess.run(
        [sys.executable, "-c", PREPARE_DATABASE], check=True, cwd=ROOT, env=site_environment(directory, debug=False)
    )
    return directory / "db.sqlite3"


@pytest.fixture
def start_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Start sites that live until the test ends: ``start_site(application=…, debug=…, env={…})``."""
    with ExitStack() as stack:

        def start(application: str = "tests.asgi:application", *, debug: bool = True, **options: Any) -> Site:
            directory = tmp_path_factory.mktemp("site")
            shutil.copy(prepared_database, directory)
            return stack.enter_context(running_site(directory, application, debug=debug, **options))

        yield start


@pytest.fixture
def site(start_site: Callable[..., Site]) -> Site:
    """A site with DEBUG on, a database and a store of its own."""
    return start_site()


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
