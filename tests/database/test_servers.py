"""The same program on a file of SQLite and on PostgreSQL, which is started here where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.servers import unused_port, wait_until

PROGRAM = pathlib.Path(__file__).with_name("on_a_server.py")
ROOT = PROGRAM.parents[2]


def recorded(database: dict[str, Any]) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), json.dumps(database)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def is_right(found: dict[str, Any]) -> None:
    working = found["working"]
    assert working["queries"] == 1 + 1 + 1 + 10 + 1
    assert working["rows"] == {"auth_group": 3 + 1 + 1, "auth_user": 0}
    assert working["alike"] == 10
    assert "secret" not in working["examples"]
    # Before Django 6.1, bulk_create() works in a transaction of its own.
    assert working["transaction"] in (None, ["committed", True, False])
    assert found["careful"]["failed"] == found["breaking"]["failed"] == 1
    assert found["careful"]["transaction"] == ["committed", False, False]
    assert found["breaking"]["transaction"] == ["rolled back", False, True]
    assert found["waits"] == [["update", "GET (no route)"]] or found["waits"] == [["update", "GET /hold/"]]


def test_sqlite(tmp_path: pathlib.Path) -> None:
    is_right(recorded({"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}))


def program(name: str) -> str:
    """A program of PostgreSQL; Debian keeps most of them away from PATH."""
    found = shutil.which(name)
    installed = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not installed:
        pytest.skip(f"PostgreSQL is not installed: there is no {name}.")
    return found or str(installed[-1])


@pytest.fixture
def postgresql() -> Iterator[dict[str, Any]]:
    """A server of its own, without a password, on this machine only; it refuses to run as root."""
    initdb, postgres = program("initdb"), program("postgres")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed.")
    user = "postgres" if os.geteuid() == 0 else None

    # Not below tmp_path, which another user may not enter.
    with tempfile.TemporaryDirectory() as directory:
        if user is not None:
            try:
                shutil.chown(directory, user)
            except LookupError:
                pytest.skip("PostgreSQL does not run as root, and there is no user postgres.")
        data, port = f"{directory}/data", unused_port()
        made = [initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=directory)
        options = ["-p", str(port), "-k", directory, "-h", "127.0.0.1", "-F"]
        with subprocess.Popen(
            [postgres, "-D", data, *options],
            user=user,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                _wait_for(port)
                yield {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": "postgres",
                    "USER": "postgres",
                    "HOST": "127.0.0.1",
                    "PORT": port,
                }
            finally:
                server.terminate()
                server.wait(30)


def _wait_for(port: int) -> None:
    psycopg: Any = importlib.import_module("psycopg")  # it is not in the group of test packages

    def answers() -> bool:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    assert wait_until(answers)


def test_postgresql(postgresql: dict[str, Any]) -> None:
    is_right(recorded(postgresql))
