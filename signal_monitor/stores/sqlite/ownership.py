"""Whether a file is one of the monitor, read from its bytes: SQLite would change a database by opening it.

A file that is named in STORE by mistake is neither changed nor moved.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from signal_monitor.stores.base import StoreError
from signal_monitor.stores.sqlite.location import ADVICE, DIRECTORY, FILE

APPLICATION_ID = 0x53474D4E
"""Marks a file as one of the monitor: "SGMN"."""
# https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.1.
_HEADER = b"SQLite format 3\0"
_HEADER_BYTES = 100
_ID_AT = 68
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24

Identity = tuple[int, int]
"""Device and inode."""


class _Known:
    """The files that this process has found to be the monitor's, or empty.

    They are not read again: POSIX releases the locks of a process's connections when it closes any handle of the file.
    """

    files: set[Identity] = set()
    lock = threading.Lock()
    pid = os.getpid()


def refuse_other_files(path: Path) -> None:
    """Raise StoreError if the file is another program's; an empty file may be used."""
    if _Known.pid != os.getpid():  # the lock may be held by a thread that does not exist in this process
        _Known.lock, _Known.pid = threading.Lock(), os.getpid()
    with _Known.lock:
        if _identity(path) not in _Known.files:
            _refuse_unless_ours(path)
            _Known.files.add(_identity(path))


def refuse_to_move(path: Path, error: Exception) -> None:
    """Raise StoreError if a damaged file may be another program's, so that it must stay where it is."""
    if not is_default(path) and not is_marked(path):
        raise StoreError(f"{_not_ours(path)} ({error})") from error


def is_default(path: Path) -> bool:
    """Whether the monitor itself has chosen the path: whatever is there was the monitor's."""
    return path.name == FILE and (
        path.parent.name == DIRECTORY or path.parent.name.startswith("django-signal-monitor-")
    )


def is_marked(path: Path) -> bool:
    """Whether the file has the monitor's mark, be it in its write-ahead log."""
    header = _start_of(path)
    if not header.startswith(_HEADER):
        return False
    return _has_mark(header) or _has_marked_page(Path(f"{path}-wal"))


def _refuse_unless_ours(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise StoreError(
            f"{path} is not a file, so the signal monitor cannot store anything in it: remove it, {ADVICE}."
        )
    if path.stat().st_size and not is_default(path) and not is_marked(path):
        raise StoreError(f"{_not_ours(path)}.")


def _not_ours(path: Path) -> str:
    return (
        f"{path} is not a file of the signal monitor, which neither changes nor moves it: "
        f"correct the path, remove the file, {ADVICE}"
    )


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _has_mark(page: bytes) -> bool:
    return int.from_bytes(page[_ID_AT : _ID_AT + 4], "big") == APPLICATION_ID


def _has_marked_page(log: Path) -> bool:
    """Whether a write-ahead log has a first page with the mark: a process that was killed has not checkpointed it."""
    try:
        with log.open("rb") as file:
            page_bytes = int.from_bytes(file.read(_LOG_HEADER_BYTES)[8:12], "big")
            while len(frame := file.read(_FRAME_HEADER_BYTES + page_bytes)) > _FRAME_HEADER_BYTES + _HEADER_BYTES:
                if int.from_bytes(frame[:4], "big") == 1 and _has_mark(frame[_FRAME_HEADER_BYTES:]):
                    return True
    except OSError:
        return False
    return False


def _identity(path: Path) -> Identity:
    found = path.lstat()
    return found.st_dev, found.st_ino
