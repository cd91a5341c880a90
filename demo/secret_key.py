"""A secret key of this checkout's own."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.management.utils import get_random_secret_key


def read_or_make(path: Path) -> str:
    """Read the key, made on first use, that every process of this checkout shares."""
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii")


def _make(path: Path) -> None:
    # Linked into place whole: of several processes that start at once, one wins and none reads half a key.
    with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(get_random_secret_key())
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
