"""The project's own Python files, read within a limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .own import is_own

MAX_FILES = 2_000
MAX_BYTES = 20_000_000
MAX_SECONDS = 1.0
"""CPU time of one look."""
NO_PACKAGES = {"node_modules", "__pycache__"}
ENVIRONMENT = "pyvenv.cfg"
"""The file that a virtual environment has in its folder."""


class LimitReachedError(Exception):
    """A project is too large to be read beside requests."""


class Reader:
    """Lists and reads files; raises LimitReachedError when they are too many, too long, or take too long."""

    def __init__(self) -> None:
        self._files = self._bytes = 0
        self._began = time.thread_time()

    def listed(self, folder: Path, left_out: Iterable[str] = (), other: Iterable[Path] = ()) -> Iterator[Path]:
        """The project's own Python files below a folder, without folders of some names, and some folders."""
        names, folders = NO_PACKAGES | set(left_out), set(other)
        for place, inner, files in os.walk(folder):
            root = Path(place)
            inner[:] = sorted(
                name
                for name in inner
                if name.isidentifier()
                and name not in names
                and root / name not in folders
                and not (root / name / ENVIRONMENT).exists()
            )
            self._check()
            for name in sorted(files):
                path = root / name
                if name.endswith(".py") and name not in names and is_own(str(path)):
                    self._files += 1
                    self._check()
                    yield path

    def read(self, path: Path) -> bytes:
        """The text of a file; "" if it cannot be read."""
        self._check()
        try:
            self._bytes += path.stat().st_size
            self._check()
            return path.read_bytes()
        except OSError:
            return b""

    def _check(self) -> None:
        spent = time.thread_time() - self._began
        if self._files > MAX_FILES or self._bytes > MAX_BYTES or spent > MAX_SECONDS:
            raise LimitReachedError
