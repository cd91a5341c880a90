"""Paths of files as people write them: below the directory that Python imports them from."""

from __future__ import annotations

import sys
from functools import lru_cache


@lru_cache(maxsize=4096)
def short_path(path: str) -> str:
    """A path without the directory of ``sys.path`` that it is in; the whole path for a file that is in none.

    The process that shows a page is of the same project as those that it is about: their directories are the same.
    """
    below = max((entry for entry in map(_directory, sys.path) if path.startswith(entry)), key=len, default="")
    return path[len(below) :]


def _directory(entry: str) -> str:
    separator = "\\" if "\\" in entry else "/"
    return entry.rstrip("\\/") + separator if entry.strip("\\/") else "\0"
