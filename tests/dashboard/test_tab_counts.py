"""The numbers beside the tabs: on every page those of its period; updates of pages with a period swap them."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from django.test import Client

from signal_monitor.dashboard.pages import render, view_of
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import draw, url_of
from tests.dashboard.examples import failed_order, process

PAGES = ["overview", "requests", "receivers", "signals", "findings", "errors", "live", "health", "dispatch", "receiver"]


def counts(html: str) -> dict[str, str]:
    found = re.findall(r'<span id="sm-count-(\w+)" class="count"[^>]*>([^<]*)</span>', html)
    return dict(found)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_the_numbers(shop: Store, client: Client, page: str) -> None:
    found = counts(client.get(url_of(page)).content.decode())
    assert found["errors"] == "1"
    assert int(found["findings"]) == len(client.get("/signals/api/findings/").json()["findings"])


def test_nothing_wrong_has_no_number(quiet_store: Store, client: Client) -> None:
    assert counts(client.get("/signals/").content.decode()) == {"findings": "", "errors": ""}


def test_they_are_those_of_the_period_and_the_process(shop: Store, client: Client) -> None:
    shop.write(Batch(process(id="web2"), dispatches=[replace(failed_order(process="web2"), id="other")]))
    assert counts(client.get("/signals/", {"process": "web2"}).content.decode())["errors"] == "1"
    assert counts(client.get("/signals/").content.decode())["errors"] == "2"
    old = replace(failed_order(started_at=time.time() - 1000), id="old")
    shop.write(Batch(process(), dispatches=[old]))
    assert counts(client.get("/signals/", {"period": "5m"}).content.decode())["errors"] == "2"
    assert counts(client.get("/signals/health/", {"period": "15m"}).content.decode())["errors"] == "2"
    assert counts(client.get("/signals/health/").content.decode())["errors"] == "3"


def test_one_part_swaps_them_when_they_change(shop: Store) -> None:
    before = render(view_of("overview", {})).parts
    shop.write(Batch(process(), dispatches=[replace(failed_order(), id="again")]))
    after = render(view_of("overview", {})).parts
    assert counts(before["counts"])["errors"] == "1"
    assert counts(after["counts"])["errors"] == "2"
    assert after["counts"].count('hx-swap-oob="true"') == 2
    assert "sm-count" in draw("requests")
