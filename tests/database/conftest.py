"""What the tests of database work share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signal_monitor.testing import Capture, capture_dispatches


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_dispatches() as capture:
        yield capture
