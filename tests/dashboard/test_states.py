"""The states of the pages in a browser: axe finds nothing, light and dark, and nothing is too wide for a phone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.engine import render_page
from signal_monitor.findings.rules import RECORD_RULES
from signal_monitor.records import Failure, Frame, ReceiverCall
from signal_monitor.stores import forget_store, get_store
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import MS, SEND_MAIL, dispatch, failed_order, fill, process, totals

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.slow

NARROW = 320
LONG = "shop." + "receivers_of_a_very_long_name." * 133 + "last"
DOCUMENT = "<!doctype html><html><body><h1>Server Error</h1>" + "<p class='x'>&nbsp;502 Bad Gateway</p>" * 300
Prepare = Callable[[Settings, Path], None]


def _nothing(_settings: Settings, _path: Path) -> None:
    """No process has reported."""


def _shop(_settings: Settings, _path: Path) -> None:
    fill(get_store())


def _calm(_settings: Settings, _path: Path) -> None:
    quick = totals(SEND_MAIL, *[5] * 30, waited_ns=150 * MS, waited_count=30)
    views = totals("GET home", *[20] * 30, kind="view")
    get_store().write(Batch(process(dispatches=30), dispatches=[dispatch()], totals=[*quick, *views]))


def _silenced(settings: Settings, _path: Path) -> None:
    settings.SILENCED_SYSTEM_CHECKS = [f"signal_monitor.{rule.code}" for rule in RECORD_RULES]
    fill(get_store())


def _unreachable(settings: Settings, path: Path) -> None:
    (path / "file").write_text("no directory", encoding="utf-8")
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "STORE": f"sqlite:///{path}/file/store.sqlite3"}


def _long_names(_settings: Settings, _path: Path) -> None:
    call = ReceiverCall(LONG, 0, "raised", duration_ns=400 * MS, severity="slow", failure=_failure("no"))
    row = dispatch("long", call, signal=LONG, sender=LONG, severity="slow")
    sums = [*totals(LONG, 400), *totals(LONG, 400, kind="signal"), *totals(LONG, 400, kind="view")]
    get_store().write(Batch(process(title=f"daphne {LONG}"), dispatches=[row], totals=sums))


def _markup(_settings: Settings, _path: Path) -> None:
    call = ReceiverCall(SEND_MAIL, 0, "raised", duration_ns=MS, failure=_failure(DOCUMENT))
    failing = totals(SEND_MAIL, 5, failures=1, last_failure=f"HTTPError: {DOCUMENT}", last_failure_at=time.time())
    get_store().write(Batch(process(), dispatches=[dispatch("markup", call)], totals=failing))


def _ten_processes(_settings: Settings, _path: Path) -> None:
    now, store = time.time(), get_store()
    fill(store)
    for number in range(10):
        ended = {"ended_at": now - 60, "seen_at": now - 60} if number > 6 else {}
        name = f"worker{number}"
        store.write(Batch(process(id=name, pid=5000 + number, title=f"gunicorn shop.wsgi {number % 3}", **ended)))


def _gone(_settings: Settings, _path: Path) -> None:
    store, now = get_store(), time.time()
    fill(store)
    later = [replace(failed_order(), id=f"w{each}", process="web2", started_at=now, calls=()) for each in range(3)]
    store.write(Batch(process(id="web2", started_at=now - 60), dispatches=later))


def _failure(message: str) -> Failure:
    return Failure("requests.HTTPError", message, (Frame("/srv/shop/orders/receivers.py", 1042, "send_mail"),))


STATES: dict[str, tuple[Prepare, str, str]] = {
    "nothing yet": (_nothing, "", "Still nothing? Health"),
    "nothing yet, health": (_nothing, "health/", "No process has reported"),
    "nothing yet, requests": (_nothing, "requests/", "No requests recorded yet"),
    "nothing yet, receivers": (_nothing, "receivers/", "No receivers recorded"),
    "nothing yet, findings": (_nothing, "findings/", "Nothing wrong found"),
    "nothing yet, errors": (_nothing, "errors/", "No receiver failed"),
    "nothing yet, live": (_nothing, "live/", "No dispatches recorded yet"),
    "nothing yet, signals": (_nothing, "signals/", "No process has reported what is connected"),
    "calm": (_calm, "", "Nothing needs attention"),
    "busy": (_shop, "", "Needs attention"),
    "all findings silenced": (_silenced, "findings/", "Nothing wrong found"),
    "all findings silenced, overview": (_silenced, "", "Nothing needs attention"),
    "store unreachable": (_unreachable, "", "The store cannot be read"),
    "unknown receiver": (_shop, "receivers/shop.orders.receivers.send_mial/", "No receiver has this name"),
    "unknown dispatch": (_shop, "dispatches/none-1/", "This dispatch is not in the store"),
    "long names": (_long_names, "", "receivers_of_a_very_long_name"),
    "long names, live": (_long_names, "live/", "raised"),
    "long names, errors": (_long_names, "errors/", "receivers_of_a_very_long_name"),
    "long names, findings": (_long_names, "findings/", ""),
    "long names, receivers": (_long_names, "receivers/", "receivers_of_a_very_long_name"),
    "long names, dispatch": (_long_names, "dispatches/long/", "raised"),
    "long names, health": (_long_names, "health/", "receivers_of_a_very_long_name"),
    "an error full of HTML": (_markup, "", "Failing receivers"),
    "an error full of HTML, errors": (_markup, "errors/", "<!doctype html>"),
    "an error full of HTML, dispatch": (_markup, "dispatches/markup/", "<!doctype html>"),
    "ten processes": (_ten_processes, "health/", "that report no more"),
    "ten processes, overview": (_ten_processes, "", "Needs attention"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_whole(
    quiet_store: Store, client: Client, chromium: Browser, settings: Settings, tmp_path: Path, state: str
) -> None:
    prepare, path, text = STATES[state]
    prepare(settings, tmp_path)
    html = client.get(f"/signals/{path}").content.decode()
    forget_store()
    look_at(chromium, state, html, text)


def test_the_page_without_permission_is_whole(chromium: Browser) -> None:
    values = {"user": "customer", "who_may": "Staff", "login_url": "/login/", "navigation": ()}
    html = render_page("signal_monitor/refused.html", values).content.decode()
    look_at(chromium, "no permission", html, "You may not see these pages")


def look_at(chromium: Browser, state: str, html: str, text: str) -> None:
    """Look at a page in both schemes."""
    for scheme in ("light", "dark"):
        page = chromium.new_context(color_scheme=scheme).new_page()
        page.route("**/*", lambda route: serve(route, html))
        page.goto("http://shop.example/signals/")
        assert text in page.inner_text("body")
        assert problems(page) == []
        if folder := os.environ.get("STATES_SHOT"):
            for width in (1280, NARROW):
                page.set_viewport_size({"width": width, "height": 800})
                page.screenshot(path=f"{folder}/s-{state.replace(' ', '-').replace(',', '')}-{width}-{scheme}.png")
        page.context.close()


def serve(route: Route, html: str) -> None:
    """Answer with the page, and with the static files that it asks for."""
    path = route.request.url.removeprefix("http://shop.example")
    if path == "/signals/":
        route.fulfill(body=html, content_type="text/html")
    elif path.startswith("/static/"):
        route.fulfill(path=finders.find(path.partition("?")[0].removeprefix("/static/")))
    else:
        route.abort()


def problems(page: Page) -> list[str]:
    """What axe finds, and what is too wide for a narrow screen."""
    page.set_viewport_size({"width": 1280, "height": 800})
    violations = Axe().run(page).response["violations"]
    found = [f"{violation['id']} {node['target']}" for violation in violations for node in violation["nodes"]]
    page.set_viewport_size({"width": NARROW, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    return [*found, f"{width} pixels wide"] if width > NARROW else found
