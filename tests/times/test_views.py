"""Every request of a real site is counted by its view, though few are stored; tiles, table, JSON and header agree."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.support.servers import Site, wait_until
from tests.times.test_site import Json, page, read, request_to, visit

ENV = {"DJANGO_SETTINGS_MODULE": "tests.times.sampled_settings"}
PARTS = ("outside_signals_ms", "receivers_ms", "waiting_ms", "other_ms")


@pytest.fixture(params=["asgi", "wsgi"])
def sampled(request: pytest.FixtureRequest, shared_site: Callable[..., Site]) -> Site:
    """A site that stores no routine request."""
    site = shared_site(env=ENV, wsgi=request.param == "wsgi")
    site.may_log_tracebacks = True
    return site


def views(site: Site, **params: str) -> dict[str, Json]:
    return {row["view"]: row for row in read(site, f"requests/?{urlencode(params)}")["views"]}


def counted(site: Site, name: str, count: int) -> Json:
    """The totals of a view, once so many requests are counted."""
    assert wait_until(lambda: views(site).get(name, {}).get("count") == count), views(site)
    return views(site)[name]


def test_requests_that_are_not_stored_count(sampled: Site) -> None:
    for path in ["empty/"] * 30 + ["many/"] * 5:
        visit(sampled, path)

    empty = counted(sampled, "GET empty", 30)
    many = counted(sampled, "GET many", 5)
    stored = read(sampled, "requests/")["requests"]
    assert (empty["failed"], many["failed"]) == (0, 0)
    assert len([row for row in stored if row["path"] in {"/empty/", "/many/"}]) < 35
    for row in (empty, many):
        assert sum(row[part] for part in PARTS) == pytest.approx(row["total_ms"], abs=0.01)
    assert (empty["p95_ms"] is None, many["p95_ms"] is None) == (False, True)  # 20 are enough
    assert many["receivers_ms"] > 5 * 160 * 1.0


def test_failed_requests_and_those_without_a_view_count(sampled: Site) -> None:
    for path in ["broken/", "abroken/", "refused/", "refused/", "no-such-page/", "idle/"]:
        visit(sampled, path)

    assert counted(sampled, "GET broken", 1)["last_failure"] == "LookupError: the view broke"
    assert counted(sampled, "GET abroken", 1)["failed"] == 1
    refused = counted(sampled, "GET refused", 2)
    assert (refused["failed"], refused["last_failure"]) == (2, "answered with 503")
    last = read(sampled, f"requests/{refused['last_failed_request']}/")
    assert (last["path"], last["status"]) == ("/refused/", 503)
    missing = counted(sampled, "GET (no view)", 1)
    assert (missing["failed"], missing["slow"]) == (0, 0)
    assert counted(sampled, "GET idle", 1)["slow"] == 1


def test_tile_table_and_json_agree(sampled: Site) -> None:
    for path in ["empty/"] * 3 + ["refused/", "idle/"]:
        visit(sampled, path)
    counted(sampled, "GET idle", 1)

    rows, overview = views(sampled).values(), read(sampled, "overview/")
    assert sum(row["count"] for row in rows) == overview["requests"] == 5
    assert sum(row["failed"] for row in rows) == overview["failed_requests"] == 1
    assert sum(row["slow"] for row in rows) == overview["slow_requests"] >= 1  # the first one may be slow too
    assert {row["view"]: row["count"] for row in rows} == {row["view"]: row["count"] for row in overview["views"]}


def test_links_of_the_table_lead_to_the_requests_of_the_view(sampled: Site) -> None:
    for path in ["refused/", "refused/", "broken/", "refused-not/"]:
        visit(sampled, path)
    counted(sampled, "GET refused", 2)

    found = read(sampled, "requests/?" + urlencode({"view": "=GET refused"}))
    assert [row["path"] for row in found["requests"]] == ["/refused/", "/refused/"]
    assert [row["path"] for row in read(sampled, "requests/?view=refused")["requests"]] == ["/refused/"] * 2
    with urllib.request.urlopen(f"{sampled.url}/signals/requests/") as answer:  # noqa: S310
        (link,) = set(re.findall(r'href="/signals/(requests/\?view=%3DGET%20refused)"', answer.read().decode()))
    assert len(read(sampled, link)["requests"]) == 2
    assert read(sampled, "requests/?" + urlencode({"view": "=POST refused"}))["requests"] == []


def test_unknown_methods_are_one_view(sampled: Site) -> None:
    for number in range(5):
        visit(sampled, "empty/", method=f"ODD{number}")

    assert counted(sampled, "(other) empty", 5)["count"] == 5
    assert not [name for name in views(sampled) if "ODD" in name]


def test_visitor_that_goes_away_counts_for_its_view(shared_site: Callable[..., Site]) -> None:
    site = shared_site(env=ENV)
    with pytest.raises((TimeoutError, urllib.error.URLError)):
        visit(site, "asleep/?seconds=3", timeout=0.5)

    assert counted(site, "GET asleep", 1)["failed"] == 0


def test_concurrent_requests_all_count(sampled: Site) -> None:
    with ThreadPoolExecutor(8) as visitors:
        list(visitors.map(lambda _: visit(sampled, "busy/"), range(40)))

    busy = counted(sampled, "GET busy", 40)
    assert sum(busy[part] for part in PARTS) == pytest.approx(busy["total_ms"], abs=0.01)
    assert busy["max_ms"] <= busy["total_ms"]


def test_sums_of_header_page_and_totals_agree(sampled: Site) -> None:
    """One request: what the header says is what the page and the totals say."""
    _, headers = visit(sampled, "slowest/")
    request = request_to(sampled, "slowest/")
    row = counted(sampled, "GET slowest", 1)

    (told,) = re.findall(r"signals;dur=([\d.]+)", headers["Server-Timing"])
    assert float(told) == pytest.approx(request["receivers_ms"], abs=0.01)
    assert row["receivers_ms"] == pytest.approx(request["receivers_ms"], abs=0.01)
    assert row["waiting_ms"] == pytest.approx(request["waiting_ms"], abs=0.01)
    assert row["total_ms"] == pytest.approx(request["duration_ms"], abs=0.01)


def locked_of(request: Json) -> Json:
    """The dispatch whose receiver waits for a lock."""
    (dispatch,) = [row for row in request["dispatches"] if row["signal"].endswith(".locked")]
    found: Json = dispatch
    return found


def test_request_page_says_what_was_waited_for(sampled: Site) -> None:
    seen: list[Json] = []

    def is_sampled() -> bool:
        """Whether the worker has looked at the call while it waited; a busy machine may hold it up."""
        visit(sampled, "waiting/")
        seen[:] = [request_to(sampled, "waiting/")]
        return bool(locked_of(seen[0])["calls"][0]["slow_wait"])

    assert wait_until(is_sampled), seen
    (request,) = seen
    dispatch = locked_of(request)
    (call,) = dispatch["calls"]
    assert (call["slow_wait"], call["slow_line"]["function"]) == ("a lock", "take_lock")
    line = call["slow_line"]["line"]
    for place in (f"requests/{request['id']}/", f"dispatches/{dispatch['id']}/"):
        assert f"was waiting for a lock at shop.py:{line} take_lock" in page(sampled, place)
