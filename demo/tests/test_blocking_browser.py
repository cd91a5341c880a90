"""The blocking page in a browser; apart from the others, because Playwright's event loop keeps them from the ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.tests.running import Demo
from tests.support import servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

chromium = servers.chromium


def test_page_follows_the_worker_without_a_click(demo: Demo, chromium: Browser) -> None:
    url = demo.wait_for_url()
    page = chromium.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{url}blocking/")
    with page.expect_navigation():  # the page may show what a publication before this one came to
        page.get_by_role("button", name="Publish and go on").click()
    page.locator("#tasks", has_text="10 of 10 chores done by the worker, the last one").wait_for()
    page.close()
    assert complaints == []
