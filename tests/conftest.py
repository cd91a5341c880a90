"""Fixtures for every test: a collector of spans, a browser, Redis, and real sites."""

from __future__ import annotations

from tests.collector import otlp_collector
from tests.servers import chromium, prepared_database, redis_server, site, start_site

__all__ = ["chromium", "otlp_collector", "prepared_database", "redis_server", "site", "start_site"]
