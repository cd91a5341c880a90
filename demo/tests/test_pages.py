"""Every page of the demo: it is there, leads to the dashboard, and obeys a strict Content-Security-Policy."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client, RequestFactory
from django.utils.module_loading import import_string
from pytest_django.fixtures import Settings

from demo.admissions.models import Cohort, CohortUser
from demo.middleware import HEADER, policy
from demo.pitfalls.catalogue import PITFALLS
from demo.todos.models import Todo

PAGES = [
    "/",
    "/todos/",
    "/accounts/login/",
    "/accounts/sign-up/",
    "/accounts/profile/",
    "/academy/invitations/",
    "/academy/cohorts/",
    "/academy/cohorts/evening/",
    "/academy/api/cohorts/",
    "/academy/marketing/",
    "/tasks/",
    "/movies/",
    "/blocking/",
    "/pitfalls/",
    "/log/",
    "/log/?requests",
]
LINKED = [
    "/todos/",
    "/accounts/sign-up/",
    "/academy/invitations/",
    "/movies/",
    "/tasks/",
    "/blocking/",
    "/pitfalls/",
    "/log/",
    "/signals/",
]
INLINE = re.compile(r"<style|<script|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
POLICY = (
    "default-src 'self'; connect-src 'self' ws://testserver; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("path", PAGES)
def test_page_is_there_and_has_nothing_inline(client: Client, member: User, path: str) -> None:
    client.force_login(member)
    Todo.objects.create(title="Water the plants", owner=member)
    cohort = Cohort.objects.create(slug="evening", name="Evening class")
    CohortUser.objects.create(cohort=cohort, user=member)
    response = client.get(path)
    assert response.status_code == 200
    assert not INLINE.search(response.text)


@pytest.mark.parametrize("path", [*(path for path in PAGES if path != "/signals/"), "/admin/"])
def test_page_has_the_policy(client: Client, member: User, path: str) -> None:
    member.is_staff = True
    member.save()
    client.force_login(member)
    Cohort.objects.create(slug="evening", name="Evening class")
    assert client.get(path).headers[HEADER] == POLICY


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/logout/",
        "/todos/add/",
        "/todos/1/delete/",
        "/todos/1/done/",
        "/academy/invitations/invite/",
        "/academy/invitations/1/accept/",
        "/academy/cohorts/evening/students/",
        "/academy/cohorts/evening/students/1/",
        "/tasks/queue/",
        "/blocking/tasks/",
        "/pitfalls/hangs/",
        "/pitfalls/hangs/let-go/",
        "/pitfalls/blocks-the-event-loop/",
    ],
)
@pytest.mark.django_db
def test_address_of_a_button_leads_to_its_page(client: Client, path: str) -> None:
    """The address bar has it after a wrong form, and the history, too."""
    response = client.get(path, follow=True)
    assert response.status_code == 200
    assert [status for _, status in response.redirect_chain] == [302]
    assert path.startswith(response.redirect_chain[0][0])


async def test_page_has_the_policy_under_asgi(async_client: AsyncClient) -> None:
    response = await async_client.get("/")
    assert response.headers[HEADER] == POLICY


def test_debug_page_may_style_itself(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    assert HEADER not in client.get("/nowhere/").headers


def test_unknown_address_is_told_in_the_sites_own_words(client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing at this address." in response.text
    assert HEADER in response.headers


def test_policy_of_a_secure_page_wants_a_secure_websocket() -> None:
    assert "connect-src 'self' wss://testserver;" in policy(RequestFactory().get("/", secure=True))


def test_policy_never_repeats_a_host_that_is_not_allowed() -> None:
    assert "connect-src 'self';" in policy(RequestFactory().get("/", headers={"host": "elsewhere.example"}))


def test_home_leads_to_apps_and_dashboard(client: Client) -> None:
    page = client.get("/").text
    assert all(f'href="{path}"' in page for path in LINKED)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "app", "count"),
    [
        ("/todos/", "demo.todos", 5),
        ("/accounts/sign-up/", "demo.accounts", 5),
        ("/academy/invitations/", "demo.marketing", 4),
        ("/academy/cohorts/", "demo.marketing", 4),
        ("/academy/marketing/", "demo.marketing", 4),
        ("/tasks/", "demo.application", 1),
    ],
)
def test_page_lists_the_receivers_behind_it(client: Client, path: str, app: str, count: int) -> None:
    names = re.findall(r'href="/signals/receivers/([^"]+)/"', client.get(path).text)
    assert len(names) == count
    assert all(name.startswith(f"{app}.receivers.") and callable(import_string(name)) for name in names)


def test_navigation_says_where_one_is(client: Client, member: User) -> None:
    page = client.get("/academy/marketing/").text
    assert re.findall(r'<a href="([^"]+)" aria-current="page">', page) == ["/academy/invitations/"]
    assert "aria-current" not in client.get("/").text


@pytest.mark.parametrize("pitfall", [one for one in PITFALLS if one.culprit], ids=lambda pitfall: pitfall.slug)
def test_culprits_exist(pitfall: object) -> None:
    assert callable(import_string(pitfall.culprit))  # type: ignore[attr-defined]
