"""The whole story in a browser: invited, accepted, in a cohort, at work, and all of it on the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from demo.home.seeding import PASSWORD, USERNAME
from demo.tests.running import Demo, eventually
from tests.support import servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

chromium = servers.chromium


@pytest.fixture
def page(demo: Demo, chromium: Browser) -> Iterator[Page]:
    """A page of the running demo; its console must stay silent, and nothing may come from elsewhere."""
    url = demo.wait_for_url()
    context = chromium.new_context(base_url=url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(url) else None)
    yield page
    context.close()
    assert complaints == []


def fill_and_send(page: Page, path: str, button: str, **fields: str) -> None:
    page.goto(path)
    for name, value in fields.items():
        page.fill(f"[name={name}]", value)
    page.get_by_role("button", name=button, exact=True).click()


def wait_for_receiver(page: Page, receiver: str, process: str) -> None:
    """Until the live page, unasked, shows a dispatch to the receiver, in a process of that title."""
    page.goto(f"/signals/live/?receiver={receiver}")
    page.locator("#sm-rows li", has_text=process).first.wait_for()


def test_the_whole_story(page: Page) -> None:
    fill_and_send(page, "/accounts/login/", "Log in", username=USERNAME, password=PASSWORD)
    fill_and_send(page, "/academy/invitations/", "Invite", first_name="Ada", email="ada@example.org")
    page.get_by_role("button", name="Accept for Ada").click()
    wait_for_receiver(page, "demo.marketing.receivers.*", "daphne")

    fill_and_send(page, "/academy/cohorts/", "Make a cohort", slug="story", name="Story", kickoff_date="2027-01-11")
    page.goto("/academy/cohorts/story/")
    page.select_option("[name=user]", index=0)
    page.get_by_role("button", name="Add student").click()
    page.goto("/academy/cohorts/story/")
    page.locator("select[name=educational_status]").first.select_option(index=1)
    page.get_by_role("button", name="Change").first.click()
    wait_for_receiver(page, "demo.marketing.receivers.*", "student_edu_status_updated")

    fill_and_send(page, "/todos/", "Add", title="Read the story")
    page.locator("li", has_text="Read the story").get_by_role("button", name="Done").click()
    wait_for_receiver(page, "demo.todos.receivers.log_todo_done", "daphne")

    fill_and_send(page, "/movies/", "Search", text="finding")
    page.wait_for_selector("text=found.")
    wait_for_receiver(page, "demo.movies.receivers.queue_notification", "daphne")

    fill_and_send(page, "/tasks/", "Queue a task")
    assert eventually(lambda: page.goto("/tasks/") is not None and page.locator(".events code").count() > 0)
    wait_for_receiver(page, "demo.application.receivers.*", "celery")


def test_sign_up_reaches_its_receivers(page: Page) -> None:
    fill_and_send(
        page,
        "/accounts/sign-up/",
        "Sign up",
        username="hopper",
        email="hopper@example.org",
        password1="a-long-passphrase",
        password2="a-long-passphrase",
    )
    wait_for_receiver(page, "demo.accounts.receivers.create_profile", "daphne")
    page.goto("/signals/receivers/demo.accounts.receivers.create_profile/")
    page.wait_for_selector("main >> text=post_save")
