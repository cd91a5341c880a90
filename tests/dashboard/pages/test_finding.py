"""The page of a finding: its link also works when the finding is gone or silenced."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.finding import to_json
from signal_monitor.findings.rules import NotRun
from signal_monitor.records import Request
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import words
from tests.dashboard.examples import ARGUMENTS, MS, ORDER_PLACED, RESERVE_STOCK, dispatch, failed_order, process

ADDRESS = f"findings/{ARGUMENTS['finding']['finding_id']}/"
CONNECTED = NotRun().finding("receiver", RESERVE_STOCK, "`reserve_stock` is connected twice.", detail="twice")


def read(client: Client, address: str = ADDRESS) -> str:
    response = client.get(f"/signals/{address}")
    assert response.status_code == 200
    return words(response.content.decode())


def start_again(store: Store) -> None:
    """A second start of the same program, in which the same order is placed and all receivers run."""
    now, sender = time.time(), failed_order().sender
    requests = [Request(f"later{each}", "POST", "/checkout/", now, 40 * MS, 200, process="web2") for each in range(3)]
    well = [dispatch(f"well{each}", process="web2", started_at=now, sender=sender) for each in range(3)]
    store.write(Batch(process(id="web2", started_at=now - 60), dispatches=well, requests=requests))


def test_a_finding_that_holds_has_no_note(shop: Store, client: Client) -> None:
    html = read(client)
    assert "Gone" not in html
    assert "Silenced." not in html


def test_a_finding_whose_cause_is_gone_is_shown_as_it_was_last_seen(shop: Store, client: Client) -> None:
    start_again(shop)
    assert ADDRESS not in client.get("/signals/findings/").content.decode()
    html = read(client)
    assert "Gone since" in html
    assert "reserve_stock" in html
    told = client.get(f"/signals/api/{ADDRESS}").json()
    assert told["is_gone"]
    assert told["gone_since"] == pytest.approx(time.time() - 60, abs=30)
    assert "Gone since" in client.get(f"/signals/{ADDRESS[:-1]}.md").content.decode()


def test_a_finding_that_the_settings_silence_is_shown_with_a_note(
    shop: Store, client: Client, settings: Settings
) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["signal_monitor.R205"]
    assert ADDRESS not in client.get("/signals/findings/").content.decode()
    assert "Silenced. The settings hide it" in read(client)
    assert client.get(f"/signals/api/{ADDRESS}").json()["is_silenced"]


def test_a_finding_about_connections_is_gone_once_a_later_start_has_other_ones(shop: Store, client: Client) -> None:
    now = time.time()
    before = Registry("web0", now - 7000, findings=(to_json(CONNECTED),))
    shop.write(Batch(process(id="web0", started_at=now - 7200, ended_at=now - 3700), registry=before))
    shop.write(Batch(process(), registry=Registry("web1", now)))
    assert "Gone since" in read(client, f"findings/{CONNECTED.id}/")


def test_a_finding_about_connections_holds_while_a_process_has_them(shop: Store, client: Client) -> None:
    found = replace(CONNECTED, signals=(ORDER_PLACED,))
    shop.write(Batch(process(), registry=Registry("web1", time.time(), findings=(to_json(found),))))
    assert "Gone since" not in read(client, f"findings/{CONNECTED.id}/")
