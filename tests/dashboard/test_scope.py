"""The period and the processes that pages are about: the menu, and that links keep them."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.fields import PeriodForm, since
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Menu, Scope, menu
from signal_monitor.finding import Finding
from signal_monitor.findings.engine import find_lately
from signal_monitor.records import Request
from signal_monitor.stores.base import Batch, Store
from signal_monitor.stores.retention import WINDOWS_KEPT_SECONDS
from tests.dashboard.drawing import get_json
from tests.dashboard.examples import MS, RESERVE_STOCK, SEND_MAIL, dispatch, failed_order, process, running_call, totals

WITH_MENU = ("", "requests/", "receivers/", "findings/", "errors/", f"receivers/{SEND_MAIL}/")


def menu_of(store: Store, **params: str) -> Menu:
    return menu(params, "", processes(store))


def current(found: Menu) -> list[str]:
    return [row.label for row in (*found.periods, *found.processes) if row.is_current]


@pytest.mark.parametrize(
    ("period", "seconds"), [("5m", 300), ("15m", 900), ("1h", 3600), ("6h", 21600), ("", 3600), ("all", None)]
)
def test_periods(period: str, seconds: int | None) -> None:
    start = since(period)
    assert (start is None) if seconds is None else (start is not None and abs(time.time() - seconds - start) < 60)


def test_period_may_begin_at_a_moment() -> None:
    assert since("from-1700000000") == 1_700_000_000
    asked = PeriodForm({"period": "now"}).valid_params()["period"]
    start = since(asked)
    assert start is not None
    assert abs(time.time() - start) < 60


def test_period_of_days_is_that_of_the_totals_that_are_kept(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    long_ago = Scope("from-1700000000")
    assert long_ago.since is not None
    assert abs(time.time() - WINDOWS_KEPT_SECONDS - long_ago.since) < 60
    assert re.fullmatch(r"Since (\d{4}-\d\d-\d\d )?\d\d:\d\d", long_ago.label)
    assert formatting.minute(1_700_000_000.0, 1_700_000_060.0) == "22:13"
    assert formatting.minute(1_700_000_000.0, 1_700_100_000.0) == "2023-11-14 22:13"


@pytest.mark.parametrize("period", ["from-", "from-x", "from--5", "from-99999999999", "now2", "2h"])
def test_other_periods_are_refused(period: str, client: Client, shop: Store) -> None:
    answer = client.get("/signals/api/overview/", {"period": period})
    assert answer.status_code == 400
    assert "period" in answer.json()["error"]["fields"]
    assert client.get("/signals/", {"period": period}).status_code == 200


def test_from_now_on_is_an_address_that_stays(client: Client, shop: Store) -> None:
    answer = client.get("/signals/requests/?period=now&process=web1&path=a%26b")
    assert answer.status_code == 302
    query = re.fullmatch(r"/signals/requests/\?period=from-(\d+)&process=web1&path=a%26b", answer["Location"])
    assert query
    assert abs(time.time() - int(query[1])) < 60
    assert client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("page", WITH_MENU)
def test_pages_have_the_menu_once(page: str, client: Client, shop: Store) -> None:
    html = client.get(f"/signals/{page}?period=15m&process=web1").content.decode()
    assert html.count("data-scope") == 1
    assert "<summary>Last 15 min, daphne shop.asgi</summary>" in html
    menu = html[html.index("data-scope") : html.index("</details>", html.index("data-scope"))]
    chosen = re.findall(r'<a href="([^"]*)" aria-current="true">', menu)
    assert [unescape(link) for link in chosen] == ["?period=15m&process=web1"] * 2


def test_links_keep_the_choice(client: Client, shop: Store) -> None:
    html = client.get("/signals/?period=15m&process=web1").content.decode()
    kept = "?period=15m&amp;process=web1"
    for page in ("requests/", "receivers/", "signals/", "findings/", "errors/"):
        assert f'href="/signals/{page}{kept}"' in html
    assert f'href="/signals/receivers/{RESERVE_STOCK}/{kept}"' in html
    assert 'href="/signals/live/"' in html

    dispatch_page = client.get(f"/signals/dispatches/failed/{unescape(kept)}").content.decode()
    assert f'href="/signals/errors/{kept}"' in dispatch_page
    assert f'href="/signals/receivers/{RESERVE_STOCK}/{kept}"' in dispatch_page


def test_menu_keeps_the_other_choice_and_the_filter(shop: Store) -> None:
    found = menu_of(shop, period="15m", process="web1", sort="count", before="5")
    assert current(found) == ["Last 15 min", "daphne shop.asgi"]
    assert {row.label: row.query for row in found.periods}["Last 6 h"] == "?period=6h&process=web1&sort=count"
    assert {row.label: row.query for row in found.processes}["All processes"] == "?period=15m&process=all&sort=count"
    assert current(menu_of(shop)) == ["Last 1 h", "All processes"]


def test_menu_tells_processes_apart(quiet_store: Store) -> None:
    for name, pid in (("a", 1), ("b", 2)):
        quiet_store.write(Batch(process(id=name, pid=pid)))
    quiet_store.write(Batch(process(id="c", title="manage.py migrate", ended_at=time.time())))
    found = menu_of(quiet_store, process="b", period=f"from-{int(time.time())}")

    labels = [row.label for row in found.processes]
    assert labels[:2] == ["All processes", "Those that serve"]
    assert sorted(labels[2:]) == ["daphne shop.asgi 1", "daphne shop.asgi 2", "manage.py migrate (ended)"]
    assert re.fullmatch(r"Since \d\d:\d\d, daphne shop.asgi 2", found.label)
    assert current(menu_of(quiet_store, process="other")) == ["Last 1 h", "A process that is not stored"]


def test_many_processes_are_left_out_but_not_the_chosen_one(quiet_store: Store) -> None:
    for number in range(40):
        quiet_store.write(Batch(process(id=f"p{number}", pid=number, seen_at=time.time() - number / 10)))
    found = menu_of(quiet_store, process="p39")
    assert len(found.processes) == 15
    assert current(found)[1] == "daphne shop.asgi 39"


def test_lists_are_those_of_the_process(client: Client, shop: Store) -> None:
    other = process(id="import", title="manage.py import")
    failed = failed_order(process="import", origin_kind="command", origin_id="c1")
    request = Request("r2", "POST", "/pay/", time.time(), 400 * MS, 200, "pay", process="web1")
    shop.write(Batch(process(running=(running_call(),)), requests=[request]))
    shop.write(Batch(other, dispatches=[dispatch("more", process="import"), failed], totals=totals(SEND_MAIL, 7)))

    def count(page: str, what: str, chosen: str) -> int:
        return len(get_json(client, page, process=chosen)[what])

    assert (count("requests", "requests", "web1"), count("requests", "requests", "import")) == (1, 0)
    assert (count("overview", "running", "web1"), count("overview", "running", "import")) == (1, 0)
    assert (count("receivers", "receivers", "web1"), count("receivers", "receivers", "import")) == (2, 1)
    assert (count("errors", "errors", "web1"), count("errors", "errors", "import")) == (0, 1)
    assert get_json(client, "receiver", process="web1")["count"] == 1
    assert get_json(client, "receiver", process="import")["count"] == 0


def test_findings_are_those_of_the_process() -> None:
    def finding(*names: str) -> Finding:
        return Finding("S1", "n", "t", "error", "receiver", "x", "m", "w", "a", processes=names)

    mine, others, unknown, many = finding("p1"), finding("p2"), finding(), finding(*(f"q{n}" for n in range(9)))
    found = [mine, others, unknown, many]
    assert Scope("1h", "p1").findings(found, ("p1",)) == [mine, unknown, many]
    assert Scope().findings(found, None) == found


def test_findings_of_another_period_are_not_shown(shop: Store) -> None:
    now = time.time()
    earlier = [row.code for row in find_lately(shop, now - 3600) if row.dispatches]
    assert earlier
    assert [row.code for row in find_lately(shop, now + 300) if row.dispatches] == []
    assert [row.code for row in find_lately(shop, now - 3600) if row.dispatches] == earlier
