"""What all pages do: they keep valid parameters, and their parts replace those of the whole page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

import signal_monitor
from signal_monitor.dashboard.pages import PAGES, render_parts, view_of
from signal_monitor.dashboard.pages.base import Page, PartNode, UnknownPage, View
from signal_monitor.stores.base import Store
from tests.dashboard.drawing import draw, fill_tables, older, parts, shown
from tests.dashboard.examples import ARGUMENTS

TEMPLATES = Path(signal_monitor.__file__).parent / "templates"


def test_view_keeps_only_known_and_good_parameters_in_one_order() -> None:
    view = view_of("live", {"min_ms": "250.0", "colour": "red", "signal": " save ", "outcome": "odd", "sender": ""})

    assert view == View("live", (("signal", "save"), ("min_ms", "250")))


@pytest.mark.parametrize("bad", ["x" * 202, "a\0b"])
def test_view_leaves_out_text_that_is_too_long_or_odd(bad: str) -> None:
    assert view_of("live", {"signal": bad}) == View("live")


@pytest.mark.parametrize("bad", ["abc", "-1", "nan", "inf", "9300000000000"])
def test_view_leaves_out_a_bad_number(bad: str) -> None:
    assert view_of("live", {"min_ms": bad}) == View("live")


def test_view_of_an_unknown_page_is_refused() -> None:
    with pytest.raises(UnknownPage):
        view_of("secrets", {})


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_template_has_the_parts_of_the_page(page: Page) -> None:
    template: Any = get_template(page.template)

    assert tuple(node.name for node in template.template.nodelist.get_nodes_by_type(PartNode)) == page.parts


@pytest.mark.parametrize("page", PAGES)
def test_fragments_are_elements_that_swap_by_their_ids(shop: Store, page: str) -> None:
    drawn = parts(page, **ARGUMENTS.get(page, {}))

    assert drawn.outermost
    assert all(element["hx-swap-oob"] == "true" and element["id"] for element in drawn.outermost)
    assert len(drawn.ids) == len(set(drawn.ids))


@pytest.mark.parametrize("page", PAGES)
def test_fragments_replace_elements_of_the_whole_page(shop: Store, client: Client, page: str) -> None:
    named = ARGUMENTS.get(page, {})
    whole = client.get(reverse(f"signal_monitor:{page}", kwargs=named or None)).content.decode()

    replaced = {element["id"] for element in parts(page, **named).outermost}

    assert replaced <= set(re.findall(r'id="([^"]+)"', whole))
    assert "hx-swap-oob" not in whole


@pytest.mark.parametrize("page", PAGES)
def test_fragments_escape_names_and_errors(shop: Store, page: str) -> None:
    assert "<script" not in render_parts(view_of(page, ARGUMENTS.get(page, {})))


@pytest.mark.parametrize("page", ["dispatch", "request", "receiver", "signal"])
def test_fragments_of_something_that_left_the_store_are_empty(quiet_store: Store, page: str) -> None:
    assert render_parts(view_of(page, ARGUMENTS[page])) == ""


@pytest.mark.parametrize("page", ["live", "requests"])
def test_older_rows_are_reached_page_by_page(quiet_store: Store, client: Client, page: str) -> None:
    fill_tables(quiet_store)
    seen: list[str] = []
    query = ""
    for _ in range(2):
        html = client.get(f"/signals/{page}/{query}").content.decode()
        seen += shown(html)
        query = older(html)
    last = client.get(f"/signals/{page}/{query}").content.decode()
    seen += shown(last)

    letter = "d" if page == "live" else "r"
    assert seen == [f"{letter}{age}" for age in range(120)]
    assert ">Older</a>" not in last
    assert '<a href="?">Newest</a>' in last
    assert 'name="before"' not in last


def test_older_link_keeps_the_filter(quiet_store: Store) -> None:
    fill_tables(quiet_store)

    assert older(draw("live", signal="placed", requests="1")).startswith("?signal=placed&requests=1&before=")


def test_twins_take_a_time_to_begin_before(quiet_store: Store, client: Client) -> None:
    fill_tables(quiet_store)
    newest = client.get("/signals/api/live/").json()["dispatches"]

    before = newest[-1]["started_at"]
    following = client.get("/signals/api/live/", {"before": before}).json()["dispatches"]
    requests = client.get("/signals/api/requests/", {"before": before}).json()["requests"]

    assert following[0]["id"] == "d50"
    assert requests[0]["id"] == "r50"


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_template_takes_addresses_from_the_request(template: Path) -> None:
    """``{% url %}`` knows nothing of a proxy, nor of what the pattern that includes the pages captures."""
    assert "{% url " not in template.read_text(encoding="utf-8")
