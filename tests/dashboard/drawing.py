"""Pages drawn from a store, and what is read from their HTML and JSON."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from signal_monitor.dashboard.pages import render, render_parts, view_of
from signal_monitor.records import Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import ARGUMENTS, MS, dispatch, process


class Parts(HTMLParser):
    """The outermost elements of some HTML, their text, and every id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.outermost: list[dict[str, str | None]] = []
        self.ids: list[str | None] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if not self._open:
            self.outermost.append(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in {"wbr", "input"}:
            self._open.append(tag)
        if tag in {"td", "dd", "div", "p", "section"}:
            self.words.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A self-closing element of an SVG opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def draw(page: str, **params: str) -> str:
    """The live parts of a page, as HTML; of the live list, whose rows are no part, all of it."""
    if page == "live":
        return Client().get(url_of(page), params).content.decode()
    return render_parts(view_of(page, params))


def parts(page: str, **params: str) -> Parts:
    """The live parts of a page, parsed."""
    return Parts("".join(render(view_of(page, params)).parts.values()))


def shown(html: str) -> list[str]:
    """The ids of the dispatches or requests in a table."""
    return re.findall(r'(?:class="when"><a href="[^"]*/(?:dispatches|requests)/|<li id="d-)(\w+)[/"]', html)


def older(html: str) -> str:
    """The query string of the link to older rows."""
    (link,) = re.findall(r'<a href="([^"]*before=[^"]*)">Older</a>', html)
    return str(link).replace("&amp;", "&")


def words(html: str) -> str:
    """The text of some HTML."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.replace("<small", " <small")))


def get_json(client: Client, page: str, expected: int = 200, **query: str) -> dict[str, Any]:
    """The JSON twin of a page."""
    response = client.get(reverse(f"signal_monitor:api_{page}", kwargs=ARGUMENTS.get(page)), query)
    assert response.status_code == expected
    assert response["Content-Type"] == "application/json"
    answer: dict[str, Any] = response.json()
    return answer


def fill_tables(store: Store) -> None:
    """Write more dispatches and requests than two pages of a table show."""
    now = time.time()
    requests = [Request(f"r{age}", "GET", "/", now - age / 7, MS, 200, "home") for age in range(120)]
    dispatches = [dispatch(f"d{age}", started_at=now - age / 7) for age in range(120)]
    store.write(Batch(process(), dispatches=dispatches, requests=requests))


def url_of(page: str) -> str:
    """The URL of a page."""
    return reverse(f"signal_monitor:{page}", kwargs=ARGUMENTS.get(page))
