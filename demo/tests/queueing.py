"""Tasks in tests: run at once in the test's own process, or queued in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.broker import SCHEME, options
from demo.celery import app


@pytest.fixture
def eager() -> Iterator[None]:
    """Run tasks at once, in this process."""
    with configured(task_always_eager=True, task_eager_propagates=True):
        yield


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Path]:
    """A directory that tasks are queued in, for a worker that never comes."""
    directory = tmp_path / "broker"
    with configured(broker_url=f"{SCHEME}://", broker_transport_options=options(directory)):
        yield directory


@contextmanager
def configured(**changed: Any) -> Iterator[None]:
    """Celery with other settings, and without the connections that were opened under these."""
    before = {name: app.conf[name] for name in changed}
    app.conf.update(changed)
    app._after_fork()
    yield
    app.conf.update(before)
    app._after_fork()
