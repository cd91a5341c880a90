"""A visitor of the pages: reads what a page names, and follows it through whatever stands before the site."""

from __future__ import annotations

import html
import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from tests.dashboard.websocket import WebSocket
from tests.support.servers import wait_until

PAGES = ("", "live/", "signals/", "receivers/", "senders/", "requests/", "errors/", "search/", "health/")


@dataclass
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    text: str

    def attribute(self, name: str) -> str:
        """The value of the first attribute of that name, or ""."""
        found = re.search(rf'\s{name}="([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""

    def addresses(self, *names: str) -> set[str]:
        """All that links, styles and scripts name, without fragments."""
        found = re.findall(rf'\s(?:{"|".join(names)})="([^"#]+)', self.text)
        return {html.unescape(address) for address in found if not address.startswith("?")}


@dataclass
class Visitor:
    """Someone who sees a site at an origin; ``host`` is another name for the same address."""

    origin: str
    host: str = ""

    def get(self, address: str, **headers: str) -> Answer:
        """Ask for an address, as a browser would that found it on a page of the site."""
        parts = urlsplit(urljoin(self.origin, address))
        assert parts.hostname == urlsplit(self.origin).hostname, address
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request("GET", target, headers={**self._host(), **names})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def first_frame(self, address: str) -> str:
        """What the websocket at an address sends first."""
        with WebSocket(urljoin(self.origin, address), host=self._host().get("Host", "")) as socket:
            return socket.receive_frame()

    def json(self, address: str) -> Any:
        """The JSON at an address."""
        answer = self.get(address)
        assert answer.status == 200, answer
        return json.loads(answer.text)

    def _host(self) -> dict[str, str]:
        return {"Host": f"{self.host}:{urlsplit(self.origin).port}"} if self.host else {}


def assert_whole(visitor: Visitor, base: str, *, live: bool = True) -> None:
    """Every page below the base answers, and so does all that the pages and their live parts name."""
    named: set[str] = set()
    for page in PAGES:
        shown = visitor.get(f"{base}{page}")
        assert shown.status == 200, (page, shown.status)
        named |= shown.addresses("href", "src", "hx-get", "action")
        if live:
            frame = visitor.first_frame(shown.attribute("ws-connect"))
            named |= Answer(200, {}, frame).addresses("href")
        polled = visitor.get(shown.attribute("hx-get"))
        named |= polled.addresses("href")
        assert visitor.get(f"{base}api/{page or 'overview/'}").status == 200
    own = {address for address in named if "/static/" not in address}
    assert own
    assert [address for address in own if not address.startswith(base)] == []
    assert visitor.get(f"{base}api/").status == 200
    assert [address for address in _one_of_each(named) if not _leads_to_page(visitor, base, address)] == []


def _leads_to_page(visitor: Visitor, base: str, address: str) -> bool:
    """Whether there is a page or file at an address, or a page below the base to which it redirects."""
    answer = visitor.get(address)
    if answer.status == 302 and answer.headers["Location"].startswith(base):
        answer = visitor.get(answer.headers["Location"])
    return answer.status == 200


def _one_of_each(addresses: set[str]) -> list[str]:
    """One address for each kind of page, and for each kind of static file."""
    kinds = {
        re.sub(r"(dispatches|requests|receivers|signals)/[^/]+/|\?.*|\w+(?=\.\w+$)", "", at): at for at in addresses
    }
    return list(kinds.values())


def assert_records_the_site_only(visitor: Visitor, base: str, path: str) -> None:
    """A request of the site is recorded, and none of the visitor's own but those for static files."""
    assert wait_until(lambda: path in _recorded_paths(visitor, base)), _recorded_paths(visitor, base)
    assert {found for found in _recorded_paths(visitor, base) if "/static/" not in found} == {path}
    assert "tests.views.order_placed" in {row["name"] for row in visitor.json(f"{base}api/signals/")["signals"]}


def _recorded_paths(visitor: Visitor, base: str) -> set[str]:
    """The paths of the stored requests, without a prefix that some servers know of."""
    return {row["path"].removeprefix("/app") for row in visitor.json(f"{base}api/requests/")["requests"]}
