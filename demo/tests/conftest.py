"""What the demo's tests share: its pages, and what the monitor recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from demo.home.browser import Browser
from demo.tests.running import Demo, started
from demo.tests.working import Worker
from signal_monitor import pipeline
from signal_monitor.records import Dispatch
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from tests.support.collector import OTLPCollector, otlp_collector, running_collector
from tests.support.servers import redis_server

__all__ = ["otlp_collector", "redis_server"]

Recorded = Callable[[str], list[Dispatch]]

TRACED = {
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_METRIC_EXPORT_INTERVAL": "200",
}


@pytest.fixture(autouse=True)
def _demo_pages(settings: Settings) -> None:
    settings.ROOT_URLCONF = "demo.urls"


@pytest.fixture
def recorded(settings: Settings) -> Recorded:
    """Read the dispatches of a receiver, newest first, recorded since the test began."""
    # Every dispatch, not a sample of them.
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SAMPLE_PER_SECOND": 100_000, "DATABASE_WORK": True}
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
    with ExitStack() as stack:

        def start_demo(*arguments: str, under: str = "", **environ: str) -> Demo:
            return stack.enter_context(started(tmp_path, *arguments, under=under, **environ))

        yield start_demo


@pytest.fixture(scope="package")
def _demo_collector() -> Iterator[OTLPCollector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, _demo_collector: OTLPCollector) -> Iterator[Demo]:
    """A running demo without traffic, which tests share; the modules that use it run one after the other."""
    endpoints = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": _demo_collector.http_endpoint,
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": _demo_collector.http_metrics_endpoint,
    }
    arguments = ("--no-traffic", "--verbosity", "2")
    with started(tmp_path_factory.mktemp("demo"), *arguments, OMDB_API_KEY="", **TRACED, **endpoints) as running:
        running.wait_for_url()
        yield running


@pytest.fixture
def demo_collector(_demo_collector: OTLPCollector) -> OTLPCollector:
    """What the running demo has sent since the test began."""
    _demo_collector.clear()
    return _demo_collector


@pytest.fixture
def browser(demo: Demo) -> Browser:
    """A visitor of the running demo who has fetched no page yet."""
    return Browser(demo.wait_for_url())


@pytest.fixture(scope="package")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A Celery worker, which tests share."""
    running = Worker(tmp_path_factory.mktemp("worker"))
    yield running
    running.end()
