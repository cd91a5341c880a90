"""What is true of the SQLite store only: many processes, and a file that may be lost, locked or damaged."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from signal_monitor.records import Amendment
from signal_monitor.stores import Store, StoreError, open_store
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.stores.sqlite import connection
from signal_monitor.stores.unreadable import unreadable_rows
from tests.stores.making import dispatch, ids, whole_dispatch, write

EVERYTHING = DispatchFilter()
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """An SQLite store."""
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for locks as long as a busy machine takes."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(connection, "TURN_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(connection, "OPEN_SECONDS", PATIENCE_SECONDS)


START = f"""
import os, sys
from signal_monitor.stores import open_store
from signal_monitor.stores.base import Totals
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.stores.sqlite import connection
from tests.stores.making import *
connection.BUSY_SECONDS = connection.TURN_SECONDS = connection.OPEN_SECONDS = {PATIENCE_SECONDS}
connection.FORK_SECONDS = {PATIENCE_SECONDS}
"""
Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run scripts with the tests' settings, each in a process of its own, which ends with the test at the latest."""
    with ExitStack() as stack:

        def start(script: str, *arguments: str) -> subprocess.Popen[str]:
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "error::ResourceWarning", "-c", START + script, *arguments],
                    cwd=REPOSITORY,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(child.kill)
            return child

        yield start


def finish(child: subprocess.Popen[str]) -> str:
    """What a process that ended well printed."""
    out, errors = child.communicate()
    assert (child.returncode, errors) == (0, "")
    return out.strip()


WRITER = """
import time
name, store = sys.argv[2], open_store(sys.argv[1])
for number in range(40):
    batch = [dispatch(f"{name}-{number}-{item}", process=name) for item in range(10)]
    write(store, *batch, process=process(name), totals=[Totals("receiver", "mail", count=number + 1)])
    time.sleep(0.01)  # no process writes without a pause; one that does starves the others for longer than they wait
store.close()
"""


@pytest.mark.usefixtures("patient")
def test_many_processes_write_at_once_and_nothing_is_lost(run: Run, sqlite_url: str, store: Store) -> None:
    for writer in [run(WRITER, sqlite_url, f"w{number}") for number in range(4)]:
        finish(writer)
    expected = {f"w{writer}-{number}-{item}" for writer in range(4) for number in range(40) for item in range(10)}
    assert set(ids(store.dispatches(EVERYTHING, limit=10_000))) == expected
    assert [row.count for row in store.totals("receiver")] == [160]
    assert len(store.processes()) == 4


def test_survives_restart(run: Run, sqlite_url: str, store: Store) -> None:
    finish(run("store = open_store(sys.argv[1]); write(store, whole_dispatch()); store.close()", sqlite_url))
    assert store.dispatch("whole") == whole_dispatch()


def test_reader_sees_what_another_process_writes(run: Run, sqlite_url: str, store: Store) -> None:
    before = store.cursor()
    finish(run("store = open_store(sys.argv[1]); write(store, dispatch()); store.close()", sqlite_url))
    assert store.cursor() != before
    assert ids(store.dispatches(EVERYTHING)) == ["d1"]


FORK = """
store = open_store(sys.argv[1])
write(store, dispatch("before"))
store.cursor()
closed, close = os.pipe()
pid = os.fork()
if pid == 0:
    write(store, dispatch("child"))
    os.close(close)
    os.read(closed, 1)
    write(store, dispatch("child-late"))
    assert store.dispatch("parent") is not None
    store.close()
    os._exit(0)
write(store, dispatch("parent"))
store.close()  # As the last connection does, it would take away the log that the child goes on writing to.
os.close(close)
_pid, status = os.wait()
print(status, sorted(ids(store.dispatches(DispatchFilter()))))
store.close()
"""


def test_fork_loses_nothing(run: Run, sqlite_url: str) -> None:
    out = finish(run(FORK, sqlite_url))
    assert out == "0 ['before', 'child', 'child-late', 'parent']"


FORK_WHILE_WRITING = """
import threading
store, stop = open_store(sys.argv[1]), threading.Event()
def keep_writing():
    number = 0
    while not stop.is_set():
        write(store, *(dispatch(f"thread-{number}-{item}") for item in range(50)))
        number += 1
        stop.wait(0.01)
thread = threading.Thread(target=keep_writing)
thread.start()
failed = 0
for number in range(20):
    pid = os.fork()
    if pid == 0:
        write(store, dispatch(f"child-{number}", severity="slow"))
        store.close()
        os._exit(0)
    failed += os.waitpid(pid, 0)[1] != 0
stop.set()
thread.join()
print(failed, len(store.dispatches(DispatchFilter(slow=True))))
store.close()
"""


def test_fork_while_another_thread_writes(run: Run, sqlite_url: str) -> None:
    quiet = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)"
    assert finish(run(quiet + FORK_WHILE_WRITING, sqlite_url)) == "0 20"


@pytest.mark.usefixtures("patient")
def test_threads_share_the_store(store: Store) -> None:
    def work(number: int) -> int:
        write(store, dispatch(f"d{number}"))
        return len(store.dispatches(EVERYTHING, limit=1_000))

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(work, range(100))) >= 1
    assert len(store.dispatches(EVERYTHING, limit=1_000)) == 100


def other_connection(store: Store) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(store.location, isolation_level=None))


def test_lock_held_by_another_is_an_error(store: Store) -> None:
    write(store, dispatch())
    with other_connection(store) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            write(store, dispatch("d2"))
        assert ids(store.dispatches(EVERYTHING)) == ["d1"]
    write(store, dispatch("d2"))
    assert store.dispatch("d2") is not None


def test_failed_write_leaves_nothing_behind(store: Store) -> None:
    write(store, dispatch())
    with pytest.raises(StoreError):
        write(store, dispatch("d2"), dispatch("d3", depth=None))
    assert ids(store.dispatches(EVERYTHING)) == ["d1"]


def test_vanished_file_is_made_anew(store: Store) -> None:
    write(store, dispatch())
    Path(store.location).unlink()
    assert store.dispatches(EVERYTHING) == []
    write(store, dispatch("d2"))
    assert ids(store.dispatches(EVERYTHING)) == ["d2"]


def test_vanished_directory_is_made_anew(store: Store) -> None:
    write(store, dispatch())
    directory = Path(store.location).parent
    directory.rename(directory.with_name("moved"))
    write(store, dispatch("d2"))
    assert ids(store.dispatches(EVERYTHING)) == ["d2"]


def corrupt_files(store: Store) -> list[Path]:
    path = Path(store.location)
    return list(path.parent.glob(f"{path.name}.corrupt-*"))


def test_file_whose_start_is_damaged_is_moved_aside_where_the_monitor_has_chosen_the_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/.signal_monitor/store.sqlite3")
    path = Path(store.location)
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1_000)
    with closing(store), caplog.at_level(logging.WARNING, "signal_monitor"):
        write(store, dispatch())
        assert ids(store.dispatches(EVERYTHING)) == ["d1"]
    assert [found.read_bytes()[:11] for found in corrupt_files(store)] == [b"no database"]
    assert [record.name for record in caplog.records] == ["signal_monitor"]


def test_three_damaged_files_are_kept_and_nothing_that_is_not_the_monitors(store: Store) -> None:
    path = Path(store.location)
    path.parent.mkdir()
    kept = [path.with_name(f"{path.name}.corrupt-{name}") for name in ("by-me", "20200101T000000000000.gz")]
    for file in kept:
        file.touch()
    damaged = []
    for number in range(5):
        write(store, *(dispatch(f"{number}-{item}") for item in range(300)))
        store.close()
        content = path.read_bytes()
        damaged.append(content[:4096] + bytes([number]) * (len(content) - 4096))
        path.write_bytes(damaged[-1])
        assert store.dispatches(EVERYTHING) == []
    copies = sorted(set(corrupt_files(store)) - set(kept))
    assert [copy.read_bytes() for copy in copies] == damaged[-3:]
    assert all(file.exists() for file in kept)


OTHER_PROGRAM = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("PRAGMA cache_size = 1")
connection.execute("CREATE TABLE requests (id)")
connection.execute("BEGIN")
connection.executemany("INSERT INTO requests VALUES (?)", [("x" * 1000,) for _ in range(100)])
if sys.argv[2] == "wal":
    connection.execute("COMMIT")
os._exit(0)
"""


def other_files(path: Path) -> Iterator[None]:
    """Make files of other programs, in turn, at a path."""
    path.write_bytes(b"a text, and a long one " * 100)
    yield
    path.write_bytes(b"x")
    yield
    path.write_bytes(b"SQLite format 3\0" + b"x" * 500)
    yield
    for mode in ("wal", "delete"):  # with a log or a journal that its process has left behind
        path.unlink()
        subprocess.run([sys.executable, "-c", OTHER_PROGRAM, path, mode], check=True)
        yield
        for left in path.parent.glob(f"{path.name}-*"):
            left.unlink()
    path.unlink()
    with closing(sqlite3.connect(path)) as empty:
        empty.execute("VACUUM")
    yield


def test_file_of_another_program_is_neither_changed_nor_moved(store: Store) -> None:
    path = Path(store.location)
    path.parent.mkdir(mode=0o700)
    for _ in other_files(path):
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        for work in (store.cursor, lambda: write(store, dispatch())):
            with pytest.raises(StoreError, match=f"{path} is not a file of the signal monitor.*SIGNAL_MONITOR"):
                work()
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_file_of_another_program_in_place_of_ours_is_not_moved(store: Store) -> None:
    """The same inode, which this process has found to be the monitor's before."""
    write(store, dispatch())
    store.close()
    path = Path(store.location)
    path.write_bytes(b"a text, and a long one " * 1_000)
    for work in (lambda: write(store, dispatch("d2")), store.cursor):
        with pytest.raises(StoreError, match="not a file of the signal monitor"):
            work()
    assert path.read_bytes() == b"a text, and a long one " * 1_000
    assert corrupt_files(store) == []


def test_anything_but_a_file_is_refused(store: Store) -> None:
    path = Path(store.location)
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(StoreError, match="is not a file"):
        write(store, dispatch())
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(StoreError, match="is not a file"):
        write(store, dispatch())


def test_empty_file_is_used(store: Store) -> None:
    path = Path(store.location)
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    write(store, dispatch())
    assert ids(store.dispatches(EVERYTHING)) == ["d1"]


UNMARKED = """
import sqlite3
path = sys.argv[1].removeprefix("sqlite:///")
store = open_store(sys.argv[1])
write(store, dispatch())
other = sqlite3.connect(path, isolation_level=None)
other.execute("PRAGMA application_id = 0")
other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
other.execute(f"PRAGMA application_id = {0x53474D4E}")
os._exit(0)
"""


def test_file_whose_mark_is_in_its_log_is_the_monitors(run: Run, sqlite_url: str, store: Store) -> None:
    """As the first version has left it when it was killed."""
    run(UNMARKED, sqlite_url).wait()
    assert b"SGMN" not in Path(store.location).read_bytes()[:100]
    assert ids(store.dispatches(EVERYTHING)) == ["d1"]


def test_file_damaged_in_its_middle_is_moved_aside(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    write(store, *(dispatch(f"d{number}") for number in range(500)))
    store.close()
    path = Path(store.location)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with caplog.at_level(logging.WARNING, "signal_monitor"):
        assert store.dispatches(EVERYTHING) == []
    assert len(corrupt_files(store)) == len(caplog.records) == 1
    write(store, dispatch())
    assert ids(store.dispatches(EVERYTHING)) == ["d1"]


def test_a_damaged_row_hides_itself_alone(store: Store) -> None:
    write(store, dispatch(), dispatch("d3"))
    with other_connection(store) as other:
        other.execute("UPDATE payloads SET payload = '[1,2' WHERE seq = 1")
    with unreadable_rows() as unreadable:
        assert store.dispatch("d1") is None
        assert ids(store.dispatches(EVERYTHING)) == ["d3"]
    assert len(unreadable) == 1
    write(store, dispatch("d2"), amendments=[Amendment("d1", 0, 1, "late")])
    assert store.dispatch("d2") is not None


def test_file_of_another_version_is_set_aside(sqlite_url: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    write(store, dispatch())
    store.close()
    with other_connection(store) as other:
        other.execute("PRAGMA user_version = 1")
        other.execute("CREATE TABLE of_the_past (id)")
        other.execute("ALTER TABLE dispatches DROP COLUMN slow")
    with closing(open_store(sqlite_url)) as newcomer, caplog.at_level(logging.WARNING, "signal_monitor"):
        assert newcomer.dispatches(EVERYTHING) == []
        write(newcomer, dispatch())
        assert ids(newcomer.dispatches(EVERYTHING)) == ["d1"]
    (record,) = caplog.records
    assert f"{store.location}.old" in record.getMessage()
    with closing(sqlite3.connect(f"{store.location}.old")) as aside:
        assert aside.execute("SELECT id FROM dispatches").fetchall() == [("d1",)]
    assert Path(f"{store.location}.old").stat().st_mode & 0o77 == 0
    with other_connection(store) as other:
        assert other.execute("SELECT name FROM sqlite_master WHERE name = 'of_the_past'").fetchall() == []
    assert sorted(path.name for path in Path(store.location).parent.iterdir()) == ["store.sqlite3", "store.sqlite3.old"]


def test_older_file_does_not_take_the_place_of_somebody_elses(sqlite_url: str, store: Store) -> None:
    write(store, dispatch())
    store.close()
    theirs = Path(f"{store.location}.old")
    theirs.write_text("my notes")
    with other_connection(store) as other:
        other.execute("PRAGMA user_version = 1")
    with closing(open_store(sqlite_url)) as newcomer:
        assert newcomer.dispatches(EVERYTHING) == []
    (aside,) = theirs.parent.glob("*.old-*")
    with closing(sqlite3.connect(aside)) as kept:
        assert kept.execute("SELECT id FROM dispatches").fetchall() == [("d1",)]
    assert theirs.read_text() == "my notes"


OPENER = """
store = open_store(sys.argv[1])
store.dispatches(DispatchFilter())
write(store, dispatch(sys.argv[2]))
store.close()
"""


def test_many_processes_find_a_file_of_another_version(run: Run, sqlite_url: str, store: Store) -> None:
    write(store, dispatch("old"))
    store.close()
    with other_connection(store) as other:
        other.execute("PRAGMA user_version = 1")
    openers = [run(OPENER, sqlite_url, f"new{number}") for number in range(4)]
    for opener in openers:
        opener.communicate(timeout=60)
        assert opener.returncode == 0
    assert set(ids(store.dispatches(EVERYTHING))) == {f"new{number}" for number in range(4)}
    with closing(sqlite3.connect(f"{store.location}.old")) as aside:
        assert aside.execute("SELECT id FROM dispatches").fetchall() == [("old",)]


def test_process_of_an_older_version_yields(store: Store) -> None:
    write(store, dispatch())
    with other_connection(store) as other:
        other.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="restart this process"):
        write(store, dispatch("d2"))
    with other_connection(store) as other:
        assert other.execute("SELECT id FROM dispatches").fetchall() == [("d1",)]


def test_database_of_something_else_is_refused(store: Store) -> None:
    Path(store.location).parent.mkdir()
    with other_connection(store) as other:
        other.execute("CREATE TABLE requests (id)")
    with pytest.raises(StoreError, match="not a file of the signal monitor"):
        write(store, dispatch())
    with other_connection(store) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("requests",)]


def test_location_is_the_file(store: Store, tmp_path: Path) -> None:
    assert store.location == str(tmp_path / "store" / "store.sqlite3")


def test_tool_that_replaces_connect_sees_nothing_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracers do that observe every query of a process."""
    opened: list[object] = []
    connect = sqlite3.connect

    def traced(*args: Any, **kwargs: Any) -> Any:
        opened.append(args[0])
        return connect(*args, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", traced)
    monkeypatch.setattr("sqlite3.dbapi2.connect", traced)
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    assert store.processes() == []
    store.close()
    assert opened == []
