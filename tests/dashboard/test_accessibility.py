"""Every page for everybody: axe finds nothing in light and dark, and nothing is wider than a narrow screen."""

from __future__ import annotations

import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.servers import PATIENCE_SECONDS, Site, running_site, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

LISTS = ["", "requests/", "receivers/", "signals/", "senders/", "findings/", "errors/", "live/", "health/"]
OTHERS = ["search/?q=order", "requests/unknown/", "receivers/unknown/", "live/?signal=nothing"]
DETAILS = {"requests/": "/requests/", "receivers/": "/receivers/", "findings/": "/findings/", "live/": "/dispatches/"}
NARROW = 320


def get(site: Site, path: str) -> None:
    with urllib.request.urlopen(f"{site.url}{path}", timeout=PATIENCE_SECONDS):  # noqa: S310 - the test's own site
        pass


@pytest.fixture(scope="module")
def busy(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with requests, slow and failing receivers, and findings."""
    directory = tmp_path_factory.mktemp("site")
    shutil.copy(prepared_database, directory)
    with running_site(directory, "tests.asgi:application", debug=True) as site:
        for query in ("", "?fail", "?ms=150", "?fail&ms=120"):
            get(site, f"/send/{query}")
        yield site


def paths(page: Page, site: Site) -> Iterator[str]:
    """All lists, and the first page that each of them leads to."""
    yield from LISTS
    yield from OTHERS
    for listed, part in DETAILS.items():
        page.goto(f"{site.url}/signals/{listed}")
        links = page.eval_on_selector_all("main a[href]", "links => links.map(link => link.getAttribute('href'))")
        found = [link for link in links if re.search(rf"{part}[^/?]+/", link)]
        assert found, listed
        yield found[0].split("/signals/", 1)[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_too_wide(chromium: Browser, busy: Site, scheme: str) -> None:
    context = chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    assert wait_until(lambda: "/findings/" in (page.goto(f"{busy.url}/signals/findings/"), page.content())[1])
    found: list[str] = []
    for path in list(paths(page, busy)):
        page.goto(f"{busy.url}/signals/{path}")
        page.set_viewport_size({"width": 1280, "height": 800})
        for violation in Axe().run(page).response["violations"]:
            found += [f"{path}: {violation['id']} {node['target']}" for node in violation["nodes"]]
        page.set_viewport_size({"width": NARROW, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > NARROW:
            found.append(f"{path}: {width} pixels wide")
    context.close()
    assert not found, "\n".join(found)
