"""The secret key of this checkout."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.management.utils import get_random_secret_key


def read_or_make(path: Path) -> str:
    """Read the key that all processes of this checkout share; it is created on first use."""
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii")


def _make(path: Path) -> None:
    # Linked when it is complete: if several processes start at once, one creates it and none reads half a key.
    with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(get_random_secret_key())
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
