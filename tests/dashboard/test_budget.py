"""What pages may take: the share of a core of live ones, however many are open, and the bytes of styles and scripts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.test import Client

import signal_monitor
from signal_monitor.dashboard import views
from signal_monitor.dashboard.budget import BURST_SECONDS, SHARE, Budget, pace
from signal_monitor.dashboard.client import Client as Viewer
from signal_monitor.dashboard.frames import Rendering
from signal_monitor.dashboard.hub import Hub
from signal_monitor.dashboard.pages.base import View
from signal_monitor.stores import Store
from tests.dashboard.websocket import WebSocket
from tests.support.servers import Site

VIEWS = 45
RENDER_SECONDS = 0.02


class Renderer:
    """Takes RENDER_SECONDS of processor time for each view."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.views: list[View] = []

    def render(self, view: View) -> Rendering:
        before = time.thread_time()
        while (spent := time.thread_time() - before) < RENDER_SECONDS:
            pass
        self.seconds += spent
        self.views.append(view)
        return Rendering({"main": f"<p>{len(self.views)}</p>"})


@pytest.mark.parametrize(("kind", "most"), [("css", 24_500), ("js", 12_000)])
def test_styles_and_scripts_are_small(kind: str, most: int) -> None:
    folder = Path(signal_monitor.__file__).parent / "static" / "signal_monitor"
    assert sum(path.stat().st_size for path in folder.glob(f"*.{kind}")) <= most


async def _view(client: Viewer, frames: list[str]) -> None:
    while True:
        frames.append(await client.take())
        client.acknowledge()


async def test_many_views_share_the_budget() -> None:
    renderer, ticks = Renderer(), iter(range(10_000))
    hub = Hub(renderer.render, lambda: str(next(ticks)), interval=0.05)
    frames: list[str] = []
    clients = [hub.join(View("live", (("min_ms", str(number)),))) for number in range(VIEWS)]
    viewing = [asyncio.create_task(_view(client, frames)) for client in clients]
    began = time.monotonic()

    while len(set(renderer.views)) < VIEWS and time.monotonic() - began < 60:  # noqa: ASYNC110 - it is polled
        await asyncio.sleep(0.1)
    elapsed = time.monotonic() - began
    for task in viewing:
        task.cancel()
    for client in clients:
        hub.leave(client)

    assert len(set(renderer.views)) == VIEWS
    assert max(map(renderer.views.count, renderer.views)) <= 2, "all are slowed down alike"
    assert renderer.seconds <= SHARE * elapsed + BURST_SECONDS + 3 * RENDER_SECONDS
    assert "refreshed about every 10 s" in frames[-1]
    assert "10 % of a processor core" in frames[-1]


async def test_one_view_is_refreshed_as_often_as_ever() -> None:
    hub = Hub(lambda _view: Rendering({"main": "quick"}), lambda: str(time.monotonic()), interval=0.05)
    client = hub.join(View("overview"))
    frame = await client.take()
    hub.leave(client)

    assert "refreshed" not in frame


def test_what_is_not_spent_is_not_saved_up() -> None:
    budget = Budget(share=0.5, burst=0.1)
    time.sleep(0.3)
    budget.spend(0.2)

    assert 0.1 < budget.wait_seconds() <= 0.2


@pytest.mark.parametrize(("seconds", "told"), [(0.5, ""), (2.5, "every 3 s"), (9, "every 10 s"), (1e6, "every 300 s")])
def test_a_page_says_how_often_it_is_refreshed(seconds: float, told: str) -> None:
    assert told in pace(seconds)
    assert bool(pace(seconds)) == bool(told)


def test_polled_pages_have_a_budget_too(shop: Store, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(burst=0.01)
    monkeypatch.setattr(views, "poll_budget", budget)
    budget.spend(10)

    html = client.get("/signals/fragments/live/").content.decode()

    assert "refreshed about every" in html
    assert 'id="sm-table"' not in html


def processor_seconds(site: Site) -> float:
    """The processor time that the site's process has taken."""
    fields = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.fixture
def watched_site(site: Site) -> Iterator[Site]:
    """A site with many different live pages open, each in a browser of its own."""
    for _ in range(60):
        _send(site)
    with ExitStack() as stack:
        for number in range(VIEWS):
            viewer = stack.enter_context(WebSocket(f"{site.url}/signals/ws/?page=live&min_ms=0.000{number:02}"))
            threading.Thread(target=_watch, args=[viewer], daemon=True).start()
        yield site


def _send(site: Site) -> None:
    with urlopen(f"{site.url}/send/?fail", timeout=30) as response:  # noqa: S310 - our own site
        response.read()


def _watch(viewer: WebSocket) -> None:
    try:
        while isinstance(frame := viewer.receive(), str):
            viewer.acknowledge(frame)
    except (OSError, ValueError):
        return


def test_a_site_keeps_its_core(watched_site: Site) -> None:
    if not Path("/proc").exists():
        pytest.skip("only Linux tells the processor time of another process like this")
    time.sleep(3)
    before, began = processor_seconds(watched_site), time.monotonic()
    for _ in range(16):  # each is something new to show
        _send(watched_site)
        time.sleep(0.25)

    share = (processor_seconds(watched_site) - before) / (time.monotonic() - began)
    assert share < 0.35
