"""Files and lines as text."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

PACKAGES = ("site-packages", "dist-packages")


def place(path: str | None, line: int | None) -> str:
    """A file and line as editors and terminals link them: below the working directory, without that directory."""
    return f"{short_path(path)}:{line}" if path and line else ""


def short_path(path: str) -> str:
    """A path below the working directory relative to it; of an installed package, what follows ``site-packages``."""
    parts = PurePath(path).parts
    for directory in PACKAGES:
        if directory in parts:
            return str(PurePath(*parts[parts.index(directory) + 1 :]))
    here = f"{Path.cwd()}{os.sep}"
    return path.removeprefix(here)
