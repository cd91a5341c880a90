"""The health page."""

from __future__ import annotations

from pytest_django.fixtures import Settings

from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import parts
from tests.dashboard.examples import process


def test_health_page_tells_of_processes_the_store_and_settings(shop: Store) -> None:
    shop.write(Batch(process(id="web2", errors=2, last_error="StoreError: locked")))

    text = parts("health").text

    assert "2 alive · 2 seen" in text
    assert "Last error in the monitor itself: StoreError: locked" in text
    assert shop.location in text
    assert "SAMPLE_PER_SECOND" in text


def test_health_page_shows_no_secret_of_a_setting(shop: Store, settings: Settings) -> None:
    address = "https://bob:hunter2@jaeger/trace/{trace_id}"
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": address}
    text = parts("health").text
    assert "https://[scrubbed]@jaeger/trace/{trace_id}" in text
    assert "hunter2" not in text
