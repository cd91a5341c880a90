"""The menu of periods and processes in a real browser: the choice survives links, live updates and a plain entry."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.servers import PATIENCE_SECONDS, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
SUMMARY = "[data-scope] summary"


def chosen(page: Page) -> tuple[str, str]:
    """The period and the process of the address."""
    query = parse_qs(urlsplit(page.url).query)
    return query.get("period", [""])[0], query.get("process", [""])[0]


def choose(page: Page, label: str | re.Pattern[str]) -> None:
    page.click(SUMMARY)
    with page.expect_navigation():
        page.locator("[data-scope] a").filter(has_text=label).first.click()


def test_choice_survives(chromium: Browser, site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/send/?ms=150", timeout=PATIENCE_SECONDS):  # noqa: S310 - the test's own
        pass
    context = chromium.new_context()
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{site.url}/signals/")
    assert chosen(page) == ("", "")
    choose(page, "Last 15 min")
    assert chosen(page) == ("15m", "all")
    choose(page, "Those that serve")
    assert page.inner_text(SUMMARY).startswith("Last 15 min, Those that serve")

    page.wait_for_selector("#sm-waits >> text=reserve_stock")  # by a live update, which knows of no address
    for step in ("#sm-waits a:has-text('reserve_stock')", "a[data-key=l]", "a[data-key=o]", "main td a >> nth=0"):
        with page.expect_navigation():
            page.click(step)
        if "/live/" not in page.url:
            assert chosen(page) == ("15m", "serving"), step

    page.goto(f"{site.url}/signals/receivers/")
    page.wait_for_url("**/receivers/?period=15m&process=serving")
    choose(page, "From now on")
    since = re.fullmatch(r"from-(\d+)", chosen(page)[0])
    assert since
    page.goto(f"{site.url}/signals/")
    page.wait_for_url(f"**/signals/?period={since[0]}&process=serving")
    page.goto(f"{site.url}/signals/errors/?period=6h")
    assert chosen(page) == ("6h", "")

    other = context.new_page()  # another tab has a choice of its own
    other.goto(f"{site.url}/signals/receivers/")
    assert chosen(other) == ("", "")
    context.close()
    assert complaints == []
