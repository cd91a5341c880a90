"""What the demo's tests share: its pages, and what the monitor recorded."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from demo.tests.running import Demo
from demo.tests.working import Worker
from signal_monitor import pipeline
from signal_monitor.records import Dispatch
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from tests.collector import otlp_collector
from tests.servers import redis_server

__all__ = ["otlp_collector", "redis_server"]

Recorded = Callable[[str], list[Dispatch]]


@pytest.fixture(autouse=True)
def _demo_pages(settings: Settings) -> None:
    settings.ROOT_URLCONF = "demo.urls"


@pytest.fixture
def recorded(settings: Settings) -> Recorded:
    """Read the dispatches of a receiver, newest first, recorded since the test began."""
    # Every dispatch, not a sample of them.
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SAMPLE_PER_SECOND": 100_000}
    pipeline.flush()
    get_store().clear()

    def read(receiver: str) -> list[Dispatch]:
        pipeline.flush()
        return get_store().dispatches(DispatchFilter(exact_receiver=receiver))

    return read


def pid_of(dispatch: Dispatch) -> int:
    """The process that a recorded dispatch ran in."""
    return next(process.pid for process in get_store().processes() if process.id == dispatch.process)


@pytest.fixture
def member(db: None) -> User:
    """Someone with an account, password "secret"."""
    return User.objects.create_user("member", "member@example.org", "secret")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start ``manage.py demo`` with these arguments and environment variables; it ends with the test."""
    started: list[Demo] = []

    def start_demo(*arguments: str, under: str = "", **environ: str) -> Demo:
        started.append(Demo(tmp_path, *arguments, environ=environ, under=under))
        return started[-1]

    yield start_demo
    for demo in started:
        if demo.process.poll() is None:
            demo.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A Celery worker for the tests of one module."""
    running = Worker(tmp_path_factory.mktemp("worker"))
    yield running
    running.end()
