"""Parameters of which a few stand for their kind: the others are tested with nox, which tests the whole matrix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

MORE = pytest.mark.matrix


def with_more(few: Iterable[Any], more: Iterable[Any]) -> list[Any]:
    """Parameters: those that every run has, and those that the matrix adds; a tuple has several values."""
    return [*few, *(pytest.param(*(item if isinstance(item, tuple) else (item,)), marks=MORE) for item in more)]
