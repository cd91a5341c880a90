"""Not found: why, and names like it."""

from __future__ import annotations

import pytest
from django.test import Client

from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import words
from tests.dashboard.examples import MARKUP, ORDER_PLACED, SEND_MAIL, dispatch, process


@pytest.mark.parametrize(
    ("address", "claim", "why", "like"),
    [
        ("receivers/shop.orders.receivers.send_mial/", "No receiver has this name", "never connected", SEND_MAIL),
        ("receivers/SEND_MAIL/", "No receiver has this name", "The oldest process that the store knows", SEND_MAIL),
        ("signals/shop.orders.signals.order_plcaed/", "No signal has this name", "never sent", ORDER_PLACED),
        ("dispatches/web1-9/", "This dispatch is not in", "a process that the store knows: daphne", "web1-91"),
        ("dispatches/gone-9/", "This dispatch is not in", "No process that the store knows has made it", ""),
        ("requests/r2/", "This request is not in", "STORE_MB", "r1"),
        ("findings/0000/", "This finding is not in", "STORE_MB", ""),
        ("receivers/" + "x" * 900 + "/", "No receiver has this name", "never connected", ""),
    ],
)
def test_it_says_why_and_names_what_is_like_it(
    shop: Store, client: Client, address: str, claim: str, why: str, like: str
) -> None:
    shop.write(Batch(process(), dispatches=[dispatch("web1-91")]))
    response = client.get(f"/signals/{address}")
    html = response.content.decode()
    assert response.status_code == 404
    assert claim in words(html)
    assert why in words(html)
    assert not like or f'/{like}/"' in html
    told = client.get(f"/signals/api/{address}").json()["error"]
    assert any(why in each for each in told["why"])
    assert not like or like in [each["name"] for each in told["like"]]


def test_a_search_that_finds_nothing_names_what_is_like_it(shop: Store, client: Client) -> None:
    assert f'/{SEND_MAIL}/"' in client.get("/signals/search/", {"q": "send_mial"}).content.decode()
    like = client.get("/signals/api/search/", {"q": "send_mial"}).json()["like"]
    assert {"kind": "receiver", "name": SEND_MAIL} in like
    assert client.get("/signals/api/search/", {"q": "send_mail"}).json()["like"] == []


def test_markup_in_a_name_stays_text(shop: Store, client: Client) -> None:
    html = client.get("/signals/search/", {"q": MARKUP.replace("sender", "sendr")}).content.decode()
    assert "<script>alert" not in html
