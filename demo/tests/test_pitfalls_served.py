"""The pitfalls on the running demo: a real ASGI server, a real worker, and a dashboard that answers all the while."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from demo.home.browser import Browser
from demo.pitfalls.catalogue import PITFALLS
from demo.tests.running import Demo, eventually


def dispatches(browser: Browser, receiver: str) -> list[dict[str, Any]]:
    """The dispatches of a receiver that have reached the dashboard."""
    path = f"/signals/api/live/?receiver=demo.pitfalls.receivers.{receiver}"
    found: list[dict[str, Any]] = json.loads(browser.get(path).text)["dispatches"]
    return found


def hanging(browser: Browser) -> list[dict[str, Any]]:
    """The receiver calls that hang, with their stacks."""
    running = json.loads(browser.get("/signals/api/overview/").text)["running"]
    return [row for row in running if row["receiver"].endswith(".wait_for_supplier") and row["stack"]]


def test_every_button_works_on_the_running_demo(browser: Browser) -> None:
    for pitfall in PITFALLS:
        browser.get("/pitfalls/")
        assert f"{pitfall.title}: you waited" in browser.post(f"/pitfalls/{pitfall.slug}/").text
    assert eventually(lambda: hanging(browser))
    assert "Let it go" in browser.get("/pitfalls/").text
    browser.post("/pitfalls/hangs/let-go/")
    assert eventually(lambda: dispatches(browser, "wait_for_supplier"))
    assert eventually(lambda: not hanging(browser))
    assert "The call has ended, after" in browser.get("/pitfalls/").text
    assert {each["blocked_loop"] for each in dispatches(browser, "compare_quotes")} == {True}
    assert True in [each["in_transaction"] for each in dispatches(browser, "queue_welcome")]
    assert eventually(lambda: "and did not find it." in browser.get("/pitfalls/").text)


def test_worker_looks_before_the_commit_also_with_a_long_queue(browser: Browser) -> None:
    browser.get("/tasks/")
    for _ in range(20):
        browser.post("/tasks/queue/")
    browser.get("/pitfalls/")
    browser.post("/pitfalls/queued-before-the-commit/")
    page = browser.get("/pitfalls/").text
    assert "and did not find it." in page
    assert "and found it." not in page


def test_nobody_waits_for_the_long_transaction(browser: Browser, demo: Demo) -> None:
    browser.get("/tasks/")
    for _ in range(20):
        browser.post("/tasks/queue/")
    browser.get("/pitfalls/")
    with ThreadPoolExecutor() as pool:
        pressed = pool.submit(browser.post, "/pitfalls/queued-before-the-commit/")
        other = Browser(demo.wait_for_url())
        other.get("/todos/")
        other.post("/todos/add/", {"title": "Write during the transaction"})
        assert not pressed.done()
        pressed.result()
