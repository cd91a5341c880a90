"""A real Celery worker over the demo's own broker, with a database, a store and a directory of the tests' own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from demo.home.management.commands.demo import manage_command, worker_command
from demo.pitfalls.routers import ENROLMENTS
from demo.tests.running import PATIENCE_SECONDS, ROOT, demo_environ, eventually
from signal_monitor.records import Dispatch, Process
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.stores.sqlite import SqliteStore


class Worker:
    """A running worker, and ways to give it work from another process and to see what came of it."""

    def __init__(self, directory: Path) -> None:
        ready = directory / "worker-is-ready"
        self._directory = directory
        self._environ = {**demo_environ(directory), "DEMO_WORKER_READY_FILE": str(ready)}
        for database in ("default", ENROLMENTS):
            self._manage("migrate", "--database", database, "--verbosity", "0")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                worker_command(loud=True), env=self._environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        assert eventually(lambda: ready.exists() or self.process.poll() is not None), self.log
        assert ready.exists(), self.log

    @property
    def _log(self) -> Path:
        return self._directory / "worker.log"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def run(self, code: str) -> str:
        """Run code in a management command, and return what it prints."""
        return self._manage("shell", "--verbosity", "0", "--command", code)

    def rows(self, query: str) -> list[Any]:
        """What the database has now."""
        with closing(sqlite3.connect(self._directory / "db.sqlite3")) as connection:
            return connection.execute(query).fetchall()

    def wait_for_rows(self, query: str) -> list[Any]:
        """What the database has once it has any of it."""
        assert eventually(lambda: self.rows(query)), self.log
        return self.rows(query)

    def wait_for_dispatch(self, receiver: str) -> tuple[Dispatch, Process]:
        """The newest dispatch to a receiver, and the process that it ran in, as the dashboard knows them."""
        wanted = DispatchFilter(exact_receiver=receiver)
        with closing(SqliteStore(self._environ["DEMO_STORE"])) as store:
            assert eventually(lambda: store.dispatches(wanted)), self.log
            dispatch = store.dispatches(wanted)[0]
            return dispatch, next(process for process in store.processes() if process.id == dispatch.process)

    def end(self) -> int:
        """Ask it to end, and wait until it has."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def _manage(self, *arguments: str) -> str:
        line = [*manage_command(arguments[0]), *arguments[1:]]
        ended = subprocess.run(line, env=self._environ, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout
