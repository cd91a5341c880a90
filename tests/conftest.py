"""Fixtures for every test: a collector of spans, a browser, Redis, and real sites."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from django.core.signals import setting_changed

from signal_monitor import pipeline
from signal_monitor.apps import restart
from signal_monitor.observers.totals import MAX_SUBJECTS
from signal_monitor.records import SubjectKind
from signal_monitor.settings_watcher import follow_settings
from signal_monitor.stores import get_store
from tests.support.collector import otlp_collector
from tests.support.servers import chromium, redis_server
from tests.support.sites import kept_sites, prepared_database, shared_site, site, start_site

__all__ = [
    "chromium",
    "kept_sites",
    "otlp_collector",
    "prepared_database",
    "redis_server",
    "shared_site",
    "site",
    "start_site",
]


def follow(*, setting: str, **_kwargs: Any) -> None:
    """Let a test's settings hold from its next line on, and not from the worker's next round."""
    if setting == "SIGNAL_MONITOR":
        follow_settings()


setting_changed.connect(follow)


@pytest.fixture(scope="module", autouse=True)
def _pipeline_as_started() -> None:
    """Start anew where names of earlier modules leave no room for those of this one, or its records would be lost."""
    is_full = any(len(get_store().totals(kind)) > MAX_SUBJECTS // 2 for kind in get_args(SubjectKind))
    running = pipeline.current()
    if (
        is_full
        or running is None
        or not any(vars(observer).get("_store") is get_store() for observer in running.observers)
    ):
        restart()


WITH_DEMO = {
    f"demo/tests/test_{name}.py"
    for name in (
        *("application", "blocking", "blocking_browser", "marketing", "movies", "pitfalls_found", "pitfalls_served"),
        *("story_browser", "traces", "traffic"),
    )
}
"""The modules that use a running demo, or its worker."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow modules first: the last one to begin decides how long all of them take."""
    items.sort(key=lambda item: (_module(item.nodeid) not in WITH_DEMO, item.get_closest_marker("slow") is None))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a module to one process, and all that use the demo to the same one, so that it is started once."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            module = _module(nodeid)
            return "demo" if module in WITH_DEMO else module

    return Scheduling(config, log)


def _module(nodeid: str) -> str:
    return nodeid.partition("::")[0]
