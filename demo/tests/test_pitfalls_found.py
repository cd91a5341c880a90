"""Every pitfall is on the overview soon after its press, and what a person asks next is a few clicks away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from demo.home.browser import Browser
from demo.pitfalls.catalogue import PITFALLS
from demo.tests.running import Demo, eventually
from tests.support import servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
chromium = servers.chromium


class Told(NamedTuple):
    """What the overview has to say: the rule, the receiver, its file, and a part of the remedy."""

    rule: str
    receiver: str
    file: str
    remedy: str


TOLD = {
    "slow-receiver": Told("slow-receiver", "render_report", "receivers.py", "queue the work"),
    "hangs": Told("hanging", "wait_for_supplier", "supplier.py", "timeout"),
    "async-under-send": Told("async-under-send", "await_quote", "receivers.py", "an ordinary function"),
    "blocks-the-event-loop": Told("blocks-event-loop", "compare_quotes", "waiting.py", "asend("),
    "one-query-per-row": Told("alike-queries", "list_members", "receivers.py", "select_related()"),
    "raises-under-send": Told("receivers-not-run", "check_totals", "receivers.py", "send_robust()"),
    "swallowed-under-send-robust": Told("swallowed", "archive_leftovers", "receivers.py", "Look at the responses"),
    "demands-created": Told("wrong-arguments", "greet_course", "receivers.py", "**kwargs"),
    "needs-environ": Told("fails-every-time", "log_visitor", "receivers.py", "kwargs.get()"),
    "lost-local-function": Told("local-function", "remind", "unheard.py", "weak=False"),
    "never-imported": Told("never-imported", "book_voucher", "receivers.py", "In ready() of"),
    "wrong-sender": Told("other-sender", "follow_course", "receivers.py", "Connect"),
    "sender-is-an-instance": Told("other-sender", "note_archive", "receivers.py", "Connect"),
    "saves-inside-post-save": Told("recursion", "number_draft", "receivers.py", "update("),
    "imported-twice": Told("imported-twice", "send_receipt", "receipts.py", "under one name"),
    "turns-fast-deletes-off": Told("turns-fast-deletes-off", "audit_delete", "receivers.py", "the models"),
    "before-super-save": Told("sent-before-saved", "file_certificate", "receivers.py", "super().save("),
    "queued-before-the-commit": Told("before-commit", "queue_welcome", "receivers.py", "on_commit("),
    "mailed-and-rolled-back": Told("before-commit", "mail_receipt", "receivers.py", "on_commit("),
}
IN_SIGHT = """() => Array.from(document.querySelectorAll("#sm-verdict, #sm-running .running > li, #sm-findings li"))
    .filter((element) => element.getBoundingClientRect().bottom <= innerHeight).map((element) => element.innerText)"""
SOON_SECONDS = 30
"""Ten, and as many again for each of two busy processors."""


def read(browser: Browser, path: str) -> dict[str, Any]:
    """The JSON of a page."""
    found: dict[str, Any] = json.loads(browser.get(f"/signals/api/{path}").text)
    return found


def is_told(page: Page, told: Told) -> bool:
    """Whether the overview names receiver, line and remedy, in one place and without scrolling."""
    page.goto("/signals/")
    return any(
        told.receiver in text and re.search(rf"{re.escape(told.file)}:\d+", text) and told.remedy in text
        for text in page.evaluate(IN_SIGHT)
    )


@pytest.fixture(scope="module")
def page(demo: Demo, chromium: Chromium) -> Iterator[Page]:
    """A page of the running demo, of the size of a small laptop."""
    context = chromium.new_context(base_url=demo.wait_for_url(), viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def untold(demo: Demo, page: Page) -> list[str]:
    """Press every button once; the pitfalls that the overview did not tell in time."""
    browser, found = Browser(demo.wait_for_url()), []
    for slug, told in TOLD.items():
        browser.get("/pitfalls/")
        browser.post(f"/pitfalls/{slug}/")
        if not eventually(lambda told=told: is_told(page, told), SOON_SECONDS):  # type: ignore[misc]
            found.append(slug)
    return found


def test_overview_tells_each_pitfall_without_scrolling(untold: list[str]) -> None:
    assert set(TOLD) == {pitfall.slug for pitfall in PITFALLS}
    assert untold == []


def test_each_pitfall_has_its_rule_and_nothing_else_is_found(untold: list[str], browser: Browser) -> None:
    def missing() -> set[str]:
        rows = read(browser, "findings/")["findings"]
        return {told.rule for told in TOLD.values()} - {row["name"] for row in rows}

    browser.get("/pitfalls/")
    browser.post("/pitfalls/hangs/")  # it hangs again if it has ended meanwhile
    assert eventually(lambda: not missing()), missing()
    browser.post("/pitfalls/hangs/let-go/")
    found = read(browser, "findings/")["findings"]
    assert [row["message"] for row in found if "pitfalls" not in row["subject"]] == []


def test_receivers_of_a_small_share_are_no_culprits(untold: list[str], browser: Browser) -> None:
    requests = [row for row in read(browser, "requests/")["requests"] if row["receivers_share"] < 0.05]
    assert requests
    for row in requests:
        request = read(browser, f"requests/{row['id']}/")
        named = [sums["receiver"].rpartition(".")[2] for sums in request["receivers"]]
        assert not [name for name in named if name in request["verdict"]], request["verdict"]


class Task(NamedTuple):
    """A question, what to click from the overview on, and what is in sight then; ``most`` clicks are allowed."""

    question: str
    clicks: tuple[str, ...]
    answer: str
    most: int


TASKS = [
    Task("the line of a slow receiver", ("#sm-waits a:has-text('render_report')",), r"receivers\.py:\d+", 1),
    Task(
        "why a POST was slow",
        ("#sm-waits a:has-text('compare_quotes')", "main td small a:text('request')"),
        r"POST .*blocks-the-event-loop[\s\S]*Receivers took .*compare_quotes",
        2,
    ),
    Task(
        "a swallowed error's traceback",
        (".tabs a:text('Errors')",),
        r"KeyError.*archive[\s\S]* in archive_leftovers",
        1,
    ),
    Task(
        "a receiver that hangs", (), r"wait_for_supplier[\s\S]*now in Supplier\.wait_for_answer .*supplier\.py:\d+", 0
    ),
    Task("what fires when a cohort is saved", (".tabs a:text('Signals')", "#sm-model"), r"post_save for .*Cohort", 2),
    Task("a receiver that never ran, and why", (".tabs a:text('Signals')",), r"book_voucher .*never connected: no", 1),
    Task(
        "an orphan",
        (".tabs a:text('Signals')", "#sm-signals th a:has-text('course_saved')"),
        r"is connected for .*Course, and it is sent by",
        2,
    ),
    Task("a nested dispatch", ("#sm-findings li:has-text('number_draft') .price a",), r"[1-9] other dispatch", 1),
    Task("a trace", ("#sm-findings a.trace",), r"^trace [0-9a-f]{32}$", 1),
]
PRESSED_FIRST = {"a receiver that hangs": "hangs", "a nested dispatch": "saves-inside-post-save"}


@pytest.mark.parametrize("task", TASKS, ids=[task.question for task in TASKS])
def test_answer_is_a_few_clicks_away(page: Page, browser: Browser, untold: list[str], task: Task) -> None:
    page.route("**/trace/*", lambda route: route.fulfill(body=f"trace {route.request.url.rpartition('/')[2][:32]}"))
    browser.get("/pitfalls/")
    if task.question in PRESSED_FIRST:
        browser.post(f"/pitfalls/{PRESSED_FIRST[task.question]}/")
    assert len(task.clicks) <= task.most
    assert eventually(lambda: is_answered(page, task), SOON_SECONDS), page.inner_text("body")
    browser.post("/pitfalls/hangs/let-go/")


def is_answered(page: Page, task: Task) -> bool:
    """Whether the clicks lead to the answer."""
    page.goto("/signals/")
    for place in task.clicks:
        found = page.locator(place).locator("visible=true").first
        if not found.count():
            return False
        if place == "#sm-model":
            with page.expect_navigation(url="**/fires/**"):
                found.select_option("admissions.Cohort")
        else:
            found.click()
        page.wait_for_load_state()
    return re.search(task.answer, page.inner_text("body")) is not None


def test_traceback_is_few_stops_from_the_overview(page: Page, untold: list[str]) -> None:
    page.goto("/signals/")
    stops = tab_to(page, ".tabs [data-key=e]")
    with page.expect_navigation(url="**/errors/**"):
        page.keyboard.press("Enter")
    stops += tab_to(page, ".skip")
    page.keyboard.press("Enter")
    stops += tab_to(page, ".errors summary")
    assert stops < 15
    assert re.search(r"demo/.*\.py:\d+ in ", page.locator(".errors li:focus-within .stack").inner_text())


def tab_to(page: Page, place: str) -> int:
    """Press Tab until the focus is there, and answer how often."""
    for stops in range(30):
        if page.locator(place).and_(page.locator(":focus")).count():
            return stops
        page.keyboard.press("Tab")
    pytest.fail(f"{place} cannot be reached")
