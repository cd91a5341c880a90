"""Odd text everywhere, on a real site: every page, its JSON and its socket go on, and nothing of it gets through."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from django.test import Client

from signal_monitor.dashboard.pages import PAGES
from signal_monitor.stores import Store
from tests.dashboard.websocket import WebSocket
from tests.support.servers import Site, wait_until

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff]")


def read(site: Site, path: str) -> str:
    with urlopen(f"{site.url}{path}", timeout=30) as response:  # noqa: S310 - our own site
        return str(response.read().decode())


def read_json(site: Site, path: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(read(site, f"/signals/api/{path or 'overview/'}"))
    return found


@pytest.fixture
def odd_site(site: Site) -> Site:
    """A site that has answered requests with odd text in all that is recorded of them."""
    for path in ("%1b[31m%0a2099%20forged", "%e2%80%ae", "%ff%fe", "%00", "x" * 5000):
        read(site, f"/odd/{path}")
    assert wait_until(lambda: len(_failed(site)) >= 5)
    return site


def _failed(site: Site) -> list[dict[str, object]]:
    found = read_json(site, "live/?outcome=failed")["dispatches"]
    assert isinstance(found, list)
    return found


def _paths(site: Site) -> dict[str, str]:
    """The path of each page, below the dashboard's, and its arguments for the socket."""
    dispatch = _failed(site)[0]
    calls = dispatch["calls"]
    assert isinstance(calls, list)
    receiver = next(call["receiver"] for call in calls if call["failure"])
    request = next(row["origin_id"] for row in _failed(site) if row["origin_id"])
    findings: Any = read_json(site, "findings/?period=all")["findings"]
    arguments = {
        "finding": ("finding_id", findings[0]["id"]),
        "dispatch": ("dispatch_id", dispatch["id"]),
        "request": ("request_id", request),
        "signal": ("name", dispatch["signal"]),
        "receiver": ("name", receiver),
    }
    paths = {}
    for name, page in PAGES.items():
        key, value = arguments.get(name, ("", ""))
        path = re.sub("<.*>", quote(str(value), safe=""), page.route)
        paths[path] = f"page={name}" + (f"&{key}={quote(str(value))}" if key else "")
    return paths


def test_every_page_json_and_socket_goes_on(odd_site: Site) -> None:
    for path, query in _paths(odd_site).items():
        assert not UNSEEN.search(read(odd_site, f"/signals/{path}")), path
        assert not UNSEEN.search(json.dumps(read_json(odd_site, path), ensure_ascii=False)), path
        with WebSocket(f"{odd_site.url}/signals/ws/?{query}") as viewer:
            frame = viewer.receive_frame()
        assert 'class="notice" hidden' in frame, path
        assert not UNSEEN.search(frame), path


def test_what_is_shown_is_escaped(odd_site: Site) -> None:
    (dispatch, *_) = _failed(odd_site)
    assert str(dispatch["sender"]).startswith("\\x1b[31m\\x00 \\u202eevil\\u2028 \\ud800\\udc80 ad\\u200bmin\\n2099")
    requests = read_json(odd_site, "requests/")["requests"]
    assert isinstance(requests, list)
    paths = {row["path"] for row in requests}
    assert "/odd/\\x1b[31m\\n2099 forged" in paths
    assert "/odd/\\u202e" in paths


def test_a_path_forges_no_line_of_the_log(odd_site: Site) -> None:
    lines = [line for line in odd_site.log.splitlines() if " took " in line]
    assert any("\\x1b[31m\\n2099 forged" in line for line in lines)
    assert not any(UNSEEN.search(line) for line in lines)


ODD_ADDRESSES = [
    *("signals/%00/", "signals/%ed%a0%80/", "receivers/%ff/", "receivers/%e2%80%ae/", "dispatches/%1b%5b2J/"),
    *(
        "requests/%0a/",
        "live/?signal=%00",
        "live/?signal=%ff&sender=%ed%a0%80",
        "live/?%ff=%00",
        "overview/?period=%e2%80%ae",
    ),
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
@pytest.mark.parametrize("prefix", ["", "api/", "fragments/"])
def test_an_odd_address_is_answered(shop: Store, client: Client, prefix: str, address: str) -> None:
    response = client.get(f"/signals/{prefix}{address}")

    assert response.status_code in {200, 400, 404}
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", response.content.decode())
    if not prefix and response.status_code == 404:
        assert not UNSEEN.search(response.content.decode().partition("<main")[2])
