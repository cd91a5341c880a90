"""Fixtures for every test: a collector of spans, a browser, Redis, and real sites."""

from __future__ import annotations

import pytest

from tests.support.collector import otlp_collector
from tests.support.servers import chromium, prepared_database, redis_server, site, start_site

__all__ = ["chromium", "otlp_collector", "prepared_database", "redis_server", "site", "start_site"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow modules first: the last one to begin decides how long all of them take."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
