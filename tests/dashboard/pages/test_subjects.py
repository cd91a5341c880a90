"""The lists of signals, receivers and senders."""

from __future__ import annotations

import re

import pytest

from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import parts
from tests.dashboard.examples import RESERVE_STOCK, SEND_MAIL, process, totals


def test_period_leaves_out_what_is_older(quiet_store: Store) -> None:
    old = totals(SEND_MAIL, 5000)[1]
    old.window -= 7200
    quiet_store.write(Batch(process(), totals=[*totals(SEND_MAIL, 5000)[:1], old]))

    assert "5.00 s" in parts("receivers", period="all").text
    assert "No receivers recorded in this period" in parts("receivers").text


@pytest.mark.parametrize(("sort", "first"), [("p95", SEND_MAIL), ("failures", RESERVE_STOCK), ("count", SEND_MAIL)])
def test_receivers_are_sorted_by_the_column_asked_for(shop: Store, sort: str, first: str) -> None:
    html = render_parts(view_of("receivers", {"sort": sort}))

    assert re.findall(r'class="name" title="([^"]+receivers[^"]+)"', html)[0] == first
