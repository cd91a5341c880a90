"""The overview of a running site: what leads its lists, and that its tiles agree with the lists that they link to."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.conftest import quiet_store
from tests.dashboard.examples import process, totals
from tests.support.servers import ROOT, Site, site_environment, wait_until
from tests.times.test_site import ENV, read, visit

__all__ = ["quiet_store"]
COMMAND = """
import sys, time
sys.argv = ["manage.py", "import_orders"]
import django
django.setup()
from django.dispatch import Signal
from signal_monitor import pipeline
def import_order(**kwargs):
    time.sleep(0.05)
imported = Signal()
imported.connect(import_order)
for _ in range(30):
    imported.send("import")
pipeline.flush()
"""


def followed(site: Site, label: str) -> tuple[int, int, str]:
    """The number on a tile, the number of rows in the list that it links to, and that list's JSON address."""
    with urllib.request.urlopen(f"{site.url}/signals/") as answer:  # noqa: S310
        html = answer.read().decode()
    found = re.search(rf'href="/signals/([^"]*)">(\d+) {label}<', html)
    assert found
    link = unescape(found[1])
    with urllib.request.urlopen(f"{site.url}/signals/{link}") as answer:  # noqa: S310
        rows = answer.read().decode().count('<li id="d-')
    return int(found[2]), rows, link


def test_figures_agree_with_the_lists_they_link_to(shared_site: Callable[..., Site]) -> None:
    site = shared_site(env=ENV)
    for query in ("send/?ms=150", "send/?ms=120&fail", "asend/?fail", "nested/", "send/"):
        visit(site, query)
    assert wait_until(lambda: len(read(site, "requests/")["requests"]) == 5)
    assert wait_until(lambda: read(site, "overview/")["failures"] == 2)
    assert wait_until(lambda: read(site, "overview/")["slow"] >= 2)

    for label in ("slow dispatches", "failed dispatches"):
        number, rows, link = followed(site, label)
        listed = read(site, link)
        assert number == rows == listed["matching"] == listed["shown"] > 0
    assert read(site, "live/?period=5m&outcome=slow")["matching"] >= 2
    assert read(site, "overview/")["failed_calls"] == 2


def test_commands_stand_apart_from_what_people_wait_for(shared_site: Callable[..., Site]) -> None:
    site = shared_site(env=ENV)
    environment = {**site_environment(site.log_path.parent, debug=True), **ENV}
    subprocess.run([sys.executable, "-c", COMMAND], check=True, cwd=ROOT, env=environment)
    for _ in range(8):
        visit(site, "busy/")

    def names(what: str, process: str = "all") -> list[str]:
        return [row["name"] for row in read(site, f"overview/?process={process}")[what]]

    assert wait_until(lambda: names("waited_for")[:1] == ["tests.times.shop.block"])  # all eight requests are stored
    assert "__main__.import_order" not in names("waited_for")
    assert names("outside_requests")[0] == "__main__.import_order"
    assert "__main__.import_order" not in names("outside_requests", "serving")
    by_title = {row["title"]: row["id"] for row in read(site, "health/")["processes"]}
    command = by_title["manage.py import_orders"]
    assert names("waited_for", command) == []
    assert names("outside_requests", command) == ["__main__.import_order"]
    assert [row["name"] for row in read(site, f"receivers/?process={command}")["receivers"]] == [
        "__main__.import_order"
    ]
    assert read(site, f"requests/?process={command}")["requests"] == []
    assert read(site, "requests/?process=serving")["requests"]


@pytest.mark.parametrize(("calls", "told"), [(3, "longest of 3"), (19, "longest of 19"), (20, None)])
def test_few_calls_have_a_longest_one_and_no_p95(quiet_store: Store, calls: int, told: str | None) -> None:
    durations = [*([1.0] * (calls - 1)), 40.0]
    quiet_store.write(Batch(process(), totals=totals("shop.receivers.mail", *durations)))

    pages = [render_parts(view_of("receivers", {}))]
    subject = render_parts(view_of("receiver", {"name": "shop.receivers.mail"}))
    for html in (*pages, subject.replace("Longest of", "longest of")):
        assert (f"longest of {calls}" in html) == bool(told)


def test_json_has_no_percentile_of_few_calls(quiet_store: Store, client: Client) -> None:
    rows = [*totals("few", 1, 40), *totals("many", *([1.0] * 20))]
    quiet_store.write(Batch(process(), totals=rows))

    few, many = client.get("/signals/api/receivers/").json()["receivers"]
    assert (few["name"], few["p95_ms"], few["p99_ms"], few["max_ms"]) == ("few", None, None, 40)
    assert many["p95_ms"] == pytest.approx(1, rel=0.04)
    assert many["p99_ms"] is None
