"""Every pitfall is found by the rule that is meant for it, and the rest of the demo has no finding."""

from __future__ import annotations

import json

from demo.home.browser import Browser
from demo.pitfalls.catalogue import PITFALLS
from demo.tests.running import eventually

FOUND_BY = {
    "hangs": "hanging",  # first: it takes ten seconds until it is found
    "slow-receiver": "slow-receiver",
    "async-under-send": "async-under-send",
    "blocks-the-event-loop": "blocks-event-loop",
    "one-query-per-row": "alike-queries",
    "raises-under-send": "receivers-not-run",
    "swallowed-under-send-robust": "swallowed",
    "demands-created": "wrong-arguments",
    "needs-environ": "fails-every-time",
    "lost-local-function": "local-function",
    "never-imported": "never-imported",
    "wrong-sender": "other-sender",
    "sender-is-an-instance": "other-sender",
    "saves-inside-post-save": "recursion",
    "imported-twice": "imported-twice",
    "turns-fast-deletes-off": "turns-fast-deletes-off",
    "before-super-save": "sent-before-saved",
    "queued-before-the-commit": "before-commit",
    "mailed-and-rolled-back": "before-commit",
}


def findings(browser: Browser) -> list[dict[str, str]]:
    """What the dashboard of the running demo shows."""
    found: list[dict[str, str]] = json.loads(browser.get("/signals/api/findings/").text)["findings"]
    return found


def missing(browser: Browser) -> set[str]:
    """The rules that have not found their pitfall yet."""
    return set(FOUND_BY.values()) - {row["name"] for row in findings(browser)}


def test_each_pitfall_is_found_by_name_and_nothing_else_is(browser: Browser) -> None:
    assert set(FOUND_BY) == {pitfall.slug for pitfall in PITFALLS}
    for slug in [*FOUND_BY, "slow-receiver", "hangs"]:  # the last one hangs again if it has ended meanwhile
        browser.get("/pitfalls/")
        browser.post(f"/pitfalls/{slug}/")
    assert eventually(lambda: not missing(browser)), missing(browser)
    browser.post("/pitfalls/hangs/let-go/")
    others = [row["message"] for row in findings(browser) if "pitfalls" not in row["subject"]]
    assert others == []
