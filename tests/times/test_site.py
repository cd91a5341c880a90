"""The numbers of real sites, added up: header, log line, request page and its JSON, under WSGI and ASGI."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from typing import Any

import pytest

from tests.support.servers import Site, wait_until

Json = dict[str, Any]
ENV = {"DJANGO_SETTINGS_MODULE": "tests.times.settings"}
RECEIVERS = "tests.times.shop"
MS = 1_000_000


@pytest.fixture(params=["asgi", "wsgi"])
def shop(request: pytest.FixtureRequest, shared_site: Callable[..., Site]) -> Site:
    site = shared_site(env=ENV, wsgi=request.param == "wsgi")
    site.may_log_tracebacks = True
    return site


def visit(site: Site, path: str, method: str = "GET", timeout: float = 30.0) -> tuple[int, Message]:
    request = urllib.request.Request(f"{site.url}/{path}", method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def page(site: Site, path: str) -> str:
    with urllib.request.urlopen(f"{site.url}/signals/{path}") as answer:  # noqa: S310
        return " ".join(re.sub(r"<[^>]*>", " ", answer.read().decode()).split())


def read(site: Site, path: str) -> Json:
    with urllib.request.urlopen(f"{site.url}/signals/api/{path}") as answer:  # noqa: S310
        found: Json = json.load(answer)
    return found


def request_to(site: Site, path: str) -> Json:
    """The stored request to a path."""
    found: list[Json] = []

    def is_stored() -> bool:
        found[:] = [row for row in read(site, "requests/")["requests"] if row["path"] == f"/{path}"]
        return bool(found)

    assert wait_until(is_stored)
    return read(site, f"requests/{found[0]['id']}/")


def log_line(site: Site, path: str) -> str:
    found = re.findall(rf"GET /{path} took .*", site.log)
    return str(found[0])


def sums(request: Json) -> dict[str, Json]:
    return {row["receiver"]: row for row in request["receivers"]}


def assert_adds_up(request: Json) -> None:
    """Receivers and what is outside them make the signal time; own times make that of receivers."""
    outside = sum(request["outside_ms"].values())
    assert request["receivers_ms"] + outside == pytest.approx(request["signal_ms"], abs=0.001)
    assert request["signal_ms"] <= request["duration_ms"]
    own = sum(row["self_ms"] for row in request["receivers"])
    assert own == pytest.approx(request["receivers_ms"] + request["after_ms"], abs=0.5)
    assert all(row["total_ms"] <= request["duration_ms"] + request["after_ms"] for row in request["receivers"])
    assert sum(row["calls"] for row in request["receivers"]) == request["receiver_count"]
    assert request["dispatches_shown"] + request["dispatches_left_out"] == request["dispatch_count"]


def test_models_that_save_each_other_add_up_to_the_request(shop: Site) -> None:
    _, headers = visit(shop, "nested/")
    request = request_to(shop, "nested/")

    assert_adds_up(request)
    rows = sums(request)
    own = {name: rows[f"{RECEIVERS}.{name}"]["self_ms"] for name in ("save_group", "save_user")}
    assert all(60 <= value <= 0.75 * request["duration_ms"] for value in own.values())
    assert sum(own.values()) <= request["duration_ms"]
    stored: dict[str, float] = {}
    for dispatch in request["dispatches"]:
        for call in dispatch["calls"]:
            stored[call["receiver"]] = stored.get(call["receiver"], 0.0) + call["self_ms"]
    assert stored[f"{RECEIVERS}.save_user"] == pytest.approx(own["save_user"], abs=0.01)
    header = headers["Server-Timing"]
    told = [float(ms) for ms in re.findall(rf"dur=([\d.]+);desc=\"{RECEIVERS}", header)]
    assert sum(told) == pytest.approx(sum(own.values()), abs=0.02)


def test_counts_of_header_log_line_and_page_agree(shop: Site) -> None:
    _, headers = visit(shop, "nested/")
    request = request_to(shop, "nested/")

    dispatches, calls = map(int, re.findall(r"(\d+) dispatch(?:es)?, (\d+) receiver", headers["Server-Timing"])[0])
    assert request["after_count"] == 1  # request_finished
    assert (dispatches, calls) == (
        request["dispatch_count"] - request["after_count"],
        request["receiver_count"] - request["after_receivers"],
    )
    assert f"({dispatches} dispatches, {calls} receiver calls)" in log_line(shop, "nested/")
    assert "1 of the dispatches" in page(shop, f"requests/{request['id']}/")
    assert "came after the response" in page(shop, f"requests/{request['id']}/")


def test_many_quick_calls_are_one_sum(shop: Site) -> None:
    visit(shop, "many/")
    request = request_to(shop, "many/")

    assert_adds_up(request)
    row = sums(request)[f"{RECEIVERS}.quick"]
    assert (row["calls"], row["slow"]) == (160, request["slow_count"])
    assert request["slow_count"] < 10  # a busy machine makes one slow
    assert request["receivers"][0] == row
    assert row["share"] == pytest.approx(row["self_ms"] / request["duration_ms"], abs=0.001)
    assert f"{RECEIVERS}.quick" in log_line(shop, "many/")
    assert "in 160 calls" in log_line(shop, "many/")
    shown = page(shop, f"requests/{request['id']}/")
    assert "160" in shown[shown.index("all calls in this request added up") :]


@pytest.mark.parametrize("path", ["broken/", "abroken/"])
def test_request_that_failed_names_what_raised(shop: Site, path: str) -> None:
    status, _ = visit(shop, path)
    request = request_to(shop, path)

    assert (status, request["status"], request["failed"], request["failed_count"]) == (500, 500, True, 0)
    assert request["failure"]["type"] == "LookupError"
    assert request["failure"]["traceback"][-1]["function"].endswith("broken")
    shown = page(shop, f"requests/{request['id']}/")
    assert "This request failed" in shown
    assert "LookupError : the view broke" in shown
    assert "LookupError: the view broke" in page(shop, "requests/")
    assert_adds_up(request)


def test_error_of_the_view_itself_is_told_as_such(shop: Site) -> None:
    visit(shop, "refused/")
    request = request_to(shop, "refused/")

    assert (request["status"], request["failed"], request["failure"]) == (503, True, None)
    assert "answered with 503 itself" in page(shop, f"requests/{request['id']}/")


def test_slow_request_says_that_signals_were_not_to_blame(shop: Site) -> None:
    visit(shop, "idle/")
    request_to(shop, "idle/")

    assert log_line(shop, "idle/").endswith("signals were not to blame")


def test_running_request_is_shown_as_running(shop: Site) -> None:
    def running() -> list[Json]:
        return [row for row in read(shop, "requests/")["running"] if row["path"] == "/hanging/"]

    hanging = threading.Thread(target=visit, args=(shop, "hanging/?seconds=5"))
    hanging.start()
    try:
        assert wait_until(lambda: bool(running()), 5)
        (row,) = running()
        where = f"requests/{row['id']}/"
        assert wait_until(lambda: f"{RECEIVERS}.block" in sums(read(shop, where)), 3)
        shown = read(shop, where)
        assert (shown["running"], shown["status"], shown["failed"]) == (True, None, False)
        assert "This request is running" in page(shop, where)
    finally:
        hanging.join()
    assert request_to(shop, "hanging/")["running"] is False
    assert wait_until(lambda: not running())


def test_concurrent_requests_tell_waiting_apart(shared_site: Callable[..., Site]) -> None:
    site = shared_site(env=ENV)
    with ThreadPoolExecutor(25) as visitors:
        list(visitors.map(lambda _: visit(site, "busy/"), range(25)))
    found: list[Json] = []

    def all_stored() -> bool:
        found[:] = [row for row in read(site, "requests/")["requests"] if row["path"] == "/busy/"]
        return len(found) == 25

    assert wait_until(all_stored)
    assert any(row["waiting_ms"] > 5 for row in found)
    for row in found:
        assert row["receivers_ms"] + sum(row["outside_ms"].values()) == pytest.approx(row["signal_ms"], abs=0.001)
        assert row["receivers_ms"] <= row["duration_ms"]
        assert set(row["outside_ms"]) <= {"thread", "event loop", "send method"}
    started = read(site, "signals/django.core.signals.request_started/")
    assert started["waiting_ms"] > 5  # and is no part of the time of its receivers, as above
    assert read(site, "overview/")["waited_for"][0]["name"] == f"{RECEIVERS}.block"
