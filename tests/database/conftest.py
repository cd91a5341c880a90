"""What the tests of database work share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signal_monitor.pipeline import Pipeline
from signal_monitor.testing import Capture, capture_dispatches


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    """What is dispatched; the worker delivers nothing meanwhile, so that the ends of transactions are known by then."""
    monkeypatch.setattr(Pipeline, "_work", lambda _self: None)
    with capture_dispatches() as capture:
        yield capture
