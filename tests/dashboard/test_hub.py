"""The hub draws each view once for all who look, only while they look, and never more than they can take."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from signal_monitor.dashboard.client import Client
from signal_monitor.dashboard.frames import MAX_FRAME_BYTES, Rendering
from signal_monitor.dashboard.hub import Hub, HubFull
from signal_monitor.dashboard.pages.base import View
from signal_monitor.instrumentation.thread_state import current_state
from signal_monitor.stores.base import StoreError

OVERVIEW = View("overview")
REQUESTS = View("requests")
SHORT = 0.01
SOME_TICKS = 0.1


def drawn(html: str) -> Rendering:
    return Rendering({"main": html})


class Canvas:
    """Draws numbered frames, and notes for which views and in which threads."""

    def __init__(self) -> None:
        self.drawn: list[View] = []
        self.threads: set[str] = set()
        self.numbers = itertools.count(1)

    def render(self, view: View) -> Rendering:
        self.drawn.append(view)
        self.threads.add(threading.current_thread().name)
        return drawn(f"<p>{view.page} {next(self.numbers)}</p>")


def ever_new() -> Callable[[], str]:
    """A cursor of a store to which something is always written."""
    numbers = itertools.count()
    return lambda: str(next(numbers))


def idle() -> str:
    """A cursor of a store to which nothing is written."""
    return "same"


@asynccontextmanager
async def joined(hub: Hub, *views: View) -> AsyncIterator[list[Client]]:
    clients = [hub.join(view) for view in views]
    try:
        yield clients
    finally:
        for client in clients:
            hub.leave(client)


async def next_frame(client: Client, seconds: float = 5.0) -> str:
    async with asyncio.timeout(seconds):
        return await client.take()


async def gets_nothing(client: Client) -> bool:
    try:
        await next_frame(client, SOME_TICKS)
    except TimeoutError:
        return True
    return False


async def test_viewers_of_one_view_share_a_drawing() -> None:
    canvas = Canvas()
    async with joined(Hub(canvas.render, idle, interval=SHORT), OVERVIEW, View("overview")) as (one, other):
        frames = {await next_frame(one), await next_frame(other)}
    assert len(frames) == len(canvas.drawn) == 1


async def test_views_differ_by_their_parameters() -> None:
    canvas = Canvas()
    slow = View("live", (("outcome", "raised"),))
    async with joined(Hub(canvas.render, idle, interval=SHORT), View("live"), slow) as clients:
        frames = {await next_frame(client) for client in clients}
    assert len(frames) == 2


async def test_drawing_happens_off_the_event_loop() -> None:
    canvas = Canvas()
    async with joined(Hub(canvas.render, idle, interval=SHORT), OVERVIEW) as (client,):
        await next_frame(client)
    assert all(name.startswith("signal-monitor-hub") for name in canvas.threads)


async def test_drawing_is_not_observed() -> None:
    hub = Hub(lambda _view: drawn(f"suppressed: {current_state().suppressed}"), idle, interval=SHORT)
    async with joined(hub, OVERVIEW) as (client,):
        assert "suppressed: True" in await next_frame(client)


async def test_the_first_viewer_starts_and_the_last_one_stops_the_hub() -> None:
    hub = Hub(Canvas().render, idle, interval=SHORT)
    one, other = hub.join(OVERVIEW), hub.join(REQUESTS)
    hub.leave(one)
    running_with_one_left = hub.is_running
    hub.leave(other)
    assert (running_with_one_left, hub.is_running) == (True, False)


async def test_nothing_is_read_when_nobody_looks() -> None:
    readings = itertools.count()
    hub = Hub(Canvas().render, lambda: str(next(readings)), interval=SHORT)
    async with joined(hub, OVERVIEW) as (client,):
        await next_frame(client)
    await asyncio.sleep(SHORT)
    count = next(readings)
    await asyncio.sleep(SOME_TICKS)
    assert next(readings) == count + 1


async def test_a_hub_starts_again() -> None:
    hub = Hub(Canvas().render, idle, interval=SHORT)
    for _ in range(2):
        async with joined(hub, OVERVIEW) as (client,):
            assert "overview" in await next_frame(client)


async def test_a_view_whose_viewers_all_owe_an_acknowledgement_is_not_drawn() -> None:
    canvas = Canvas()
    async with joined(Hub(canvas.render, ever_new(), interval=SHORT), OVERVIEW) as (client,):
        await next_frame(client)
        await asyncio.sleep(SOME_TICKS)
        assert len(canvas.drawn) == 1
        client.acknowledge()
        assert "overview 2" in await next_frame(client)


async def test_a_viewer_who_is_behind_gets_the_newest_frame_only() -> None:
    async with joined(Hub(Canvas().render, ever_new(), interval=SHORT), OVERVIEW, OVERVIEW) as (behind, quick):
        await next_frame(behind)
        for _ in range(3):
            newest = await next_frame(quick)
            quick.acknowledge()
        assert await next_frame(behind) == newest


async def test_an_unchanged_store_is_not_drawn_again_before_it_is_due() -> None:
    canvas = Canvas()
    async with joined(Hub(canvas.render, idle, interval=SHORT), OVERVIEW) as (client,):
        await next_frame(client)
        client.acknowledge()
        await asyncio.sleep(SOME_TICKS)
    assert len(canvas.drawn) == 1


async def test_an_unchanged_store_is_drawn_again_when_ages_are_old() -> None:
    async with joined(Hub(Canvas().render, idle, interval=SHORT, refresh=0.05), OVERVIEW) as (client,):
        await next_frame(client)
        client.acknowledge()
        assert "overview 2" in await next_frame(client)


async def test_a_newcomer_gets_a_frame_of_an_unchanged_store() -> None:
    hub = Hub(Canvas().render, idle, interval=SHORT)
    async with joined(hub, OVERVIEW) as (early,):
        await next_frame(early)
        async with joined(hub, OVERVIEW) as (late,):
            assert "overview" in await next_frame(late)


async def test_a_frame_like_the_last_one_is_passed_over() -> None:
    async with joined(Hub(lambda _view: drawn("same"), ever_new(), interval=SHORT), OVERVIEW) as (client,):
        await next_frame(client)
        client.acknowledge()
        assert await gets_nothing(client)


async def test_a_frame_that_was_not_shown_is_repeated() -> None:
    async with joined(Hub(lambda _view: drawn("same"), idle, interval=SHORT), OVERVIEW) as (client,):
        frame = await next_frame(client)
        client.acknowledge(shown=False)
        assert await next_frame(client) == frame


async def test_nothing_is_drawn_for_a_viewer_who_pauses() -> None:
    canvas = Canvas()
    async with joined(Hub(canvas.render, ever_new(), interval=SHORT), OVERVIEW) as (client,):
        client.pause(paused=True)
        assert await gets_nothing(client)
        assert canvas.drawn == []
        client.pause(paused=False)
        assert "overview 1" in await next_frame(client)


async def test_a_slow_view_does_not_hold_up_another() -> None:
    go_on = threading.Event()

    def render(view: View) -> Rendering:
        if view == REQUESTS:
            go_on.wait(5)
        return drawn(f"{view.page} {time.perf_counter_ns()}")

    async with joined(Hub(render, ever_new(), interval=SHORT), REQUESTS, OVERVIEW) as (_, quick):
        for _ in range(3):
            assert "overview" in await next_frame(quick)
            quick.acknowledge()
        go_on.set()


async def test_an_unreadable_store_is_told_and_recovers(caplog: pytest.LogCaptureFixture) -> None:
    broken = True

    def read() -> str:
        if broken:
            raise StoreError("no <such> file")
        return "rows"

    async with joined(Hub(lambda _view: drawn(read()), read, interval=SHORT, refresh=0.02), OVERVIEW) as (client,):
        told = await next_frame(client)
        assert "The store cannot be read: no &lt;such&gt; file" in told
        await asyncio.sleep(SOME_TICKS)
        broken = False
        client.acknowledge()
        while "rows" not in (frame := await next_frame(client)):
            client.acknowledge()
        assert "cannot be read" not in frame
        assert '<div id="sm-notice" class="notice" hidden' in frame
    assert len([record for record in caplog.records if record.name == "signal_monitor"]) == 1


async def test_viewers_keep_their_place_while_the_store_is_unreadable() -> None:
    def render(_view: View) -> Rendering:
        raise StoreError("no file")

    hub = Hub(render, ever_new(), interval=SHORT)
    async with joined(hub, View("live"), View("live")) as (one, other):
        one.after, other.after = 5, 9
        await next_frame(one)
        await next_frame(other)
        assert (one.after, other.after) == (5, 9)


async def test_a_page_that_cannot_be_drawn_does_not_stop_the_others() -> None:
    def render(view: View) -> Rendering:
        return drawn({"overview": "fine"}[view.page])

    async with joined(Hub(render, ever_new(), interval=SHORT), REQUESTS, OVERVIEW) as (failing, fine):
        assert "cannot be rendered" in await next_frame(failing)
        assert "fine" in await next_frame(fine)


async def test_more_views_than_the_hub_draws_are_refused() -> None:
    hub = Hub(Canvas().render, idle, interval=SHORT, max_views=1)
    async with joined(hub, OVERVIEW, OVERVIEW):
        with pytest.raises(HubFull):
            hub.join(REQUESTS)


async def test_only_the_parts_that_have_changed_are_sent() -> None:
    numbers = itertools.count()

    def render(_view: View) -> Rendering:
        return Rendering({"still": "<p>still</p>", "moving": f"<p>{next(numbers)}</p>"})

    async with joined(Hub(render, ever_new(), interval=SHORT), OVERVIEW) as (client,):
        first = await next_frame(client)
        client.acknowledge()
        second = await next_frame(client)
        client.acknowledge(shown=False)
        third = await next_frame(client)

    assert ("still" in first, "sm-notice" in first) == (True, True)
    assert (second, third) == ("<p>1</p>", "<p>2</p>")


async def test_each_row_is_sent_once_the_oldest_first_in_small_frames() -> None:
    """The viewers' rows are told to what renders, so that it reads no old ones."""
    asked: list[int] = []

    def render(view: View) -> Rendering:
        asked.append(view.after)
        rows = [(number, f"<li>{number} {'x' * 500}</li>") for number in range(view.after + 1, 21)]
        return Rendering({}, rows[::-1], 20)

    async with joined(Hub(render, ever_new(), interval=SHORT), View("live", after=10)) as (client,):
        frames = []
        while client.after < 20:
            frames.append(await next_frame(client))
            client.acknowledge()
        assert await gets_nothing(client)

    numbers = [[int(number) for number in re.findall(r"<li>(\d+)", frame)] for frame in frames]
    assert [number for part in numbers for number in reversed(part)] == list(range(11, 21))
    assert max(len(frame.encode()) for frame in frames) <= MAX_FRAME_BYTES
    assert asked[0] == 10
    assert asked[-1] == 20


async def test_rows_come_again_after_the_store_was_emptied() -> None:
    def render(view: View) -> Rendering:
        anew = view.after > 3
        return Rendering({}, [(3, "<li>new</li>")] if view.after != 3 else [], 3, anew)

    async with joined(Hub(render, ever_new(), interval=SHORT), View("live", after=1_000)) as (client,):
        assert "<li>new</li>" in await next_frame(client)


async def test_all_rows_come_again_though_another_viewer_had_few() -> None:
    def render(view: View) -> Rendering:
        anew = view.after > 3
        return Rendering(
            {}, [(number, f"<li>{number}</li>") for number in (3, 2, 1) if anew or number > view.after], 3, anew
        )

    views = View("live", after=1_000), View("live", after=2)
    async with joined(Hub(render, ever_new(), interval=SHORT), *views) as (client, _other):
        assert "<li>3</li><li>2</li><li>1</li>" in await next_frame(client)


async def test_a_page_says_how_often_it_is_drawn_but_a_newcomer_does_not_wait() -> None:
    drawings = itertools.count()

    def render(_view: View) -> Rendering:
        return Rendering({"main": f"<p>{next(drawings)}</p>"}, seconds=60.0)

    hub = Hub(render, ever_new(), interval=SHORT)
    async with joined(hub, OVERVIEW) as (client,):
        await next_frame(client)
        client.acknowledge()
        assert await gets_nothing(client)
        async with joined(hub, OVERVIEW) as (late,):
            assert "<p>1</p>" in await next_frame(late)
