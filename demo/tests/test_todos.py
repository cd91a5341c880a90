"""The todos app: what its receivers do, and that the monitor sees them do it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client

from demo.accounts.signals import signed_up
from demo.tests.conftest import Recorded
from demo.todos.models import Todo
from demo.todos.receivers import log_request

MARKS = [
    (Todo.mark_complete, "complete", "Complete: Water the plants"),
    (Todo.mark_done, "done", "Done: Water the plants"),
    (Todo.mark_undone, "undone", "Undone: Water the plants"),
]


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")


@pytest.fixture
def todo(db: None) -> Todo:
    return Todo.objects.create(title="Water the plants")


@pytest.mark.parametrize(("mark", "name", "line"), MARKS)
def test_mark_is_logged_and_recorded(
    todo: Todo,
    recorded: Recorded,
    caplog: pytest.LogCaptureFixture,
    mark: Callable[[Todo], None],
    name: str,
    line: str,
) -> None:
    if name == "undone":
        Todo.objects.filter(pk=todo.pk).update(status=Todo.Status.DONE)
    mark(todo)
    mark(todo)
    (dispatch,) = recorded(f"demo.todos.receivers.log_todo_{name}")
    assert line in caplog.messages
    assert (dispatch.signal, dispatch.sender) == (f"demo.todos.signals.todo_{name}", "demo.todos.models.Todo")


def test_mark_by_two_requests_sends_once(todo: Todo, recorded: Recorded) -> None:
    Todo.objects.get(pk=todo.pk).mark_done()
    Todo.objects.get(pk=todo.pk).mark_done()
    assert len(recorded("demo.todos.receivers.log_todo_done")) == 1


def test_mark_is_saved(todo: Todo) -> None:
    todo.mark_done()
    todo.refresh_from_db()
    assert todo.status == Todo.Status.DONE


def test_sign_up_adds_first_todo(member: User, recorded: Recorded) -> None:
    signed_up.send(sender=User, user=member)
    assert Todo.objects.of(member).count() == 1
    assert recorded("demo.todos.receivers.add_first_todo")


def test_request_under_wsgi_is_logged_and_recorded(
    client: Client, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/?from=mail")
    assert "Request: GET testserver / from=mail" in caplog.messages
    assert [dispatch.method for dispatch in recorded("demo.todos.receivers.log_request")] == ["send"]


async def test_request_under_asgi_is_logged_and_recorded(
    async_client: AsyncClient, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    await async_client.get("/?from=mail")
    assert "Request: GET testserver / from=mail" in caplog.messages
    assert [dispatch.method for dispatch in recorded("demo.todos.receivers.log_request")] == ["asend"]


def test_request_without_environ_and_scope_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    log_request(sender=WSGIHandler)
    assert caplog.messages == []


@pytest.mark.django_db
def test_page_adds_todo_for_everyone(client: Client) -> None:
    client.post("/todos/add/", {"title": "Buy oat milk"})
    assert "Buy oat milk" in client.get("/todos/").text
    assert Todo.objects.get().owner is None


def test_page_adds_todo_of_ones_own(client: Client, member: User) -> None:
    client.force_login(member)
    client.post("/todos/add/", {"title": "Buy oat milk"})
    assert Todo.objects.get().owner == member


@pytest.mark.django_db
def test_page_says_what_is_wrong_with_a_title(client: Client) -> None:
    response = client.post("/todos/add/", {"title": ""})
    assert response.status_code == 200
    assert "This field is required." in response.text


@pytest.mark.parametrize(("mark", "status"), [("done", "done"), ("undone", "open"), ("complete", "complete")])
def test_page_marks_todo(client: Client, todo: Todo, mark: str, status: str) -> None:
    client.post(f"/todos/{todo.pk}/{mark}/")
    todo.refresh_from_db()
    assert todo.status == status


def test_page_deletes_todo(client: Client, todo: Todo) -> None:
    client.post(f"/todos/{todo.pk}/delete/")
    assert not Todo.objects.exists()


def test_complete_todo_stays_so(client: Client, todo: Todo) -> None:
    todo.mark_complete()
    assert "Complete: Water the plants" in client.post(f"/todos/{todo.pk}/undone/", follow=True).text
    todo.refresh_from_db()
    assert todo.status == Todo.Status.COMPLETE


@pytest.mark.parametrize("action", ["delete", "complete", "done"])
def test_double_click_gives_the_page_again(client: Client, todo: Todo, action: str) -> None:
    for _ in range(2):
        response = client.post(f"/todos/{todo.pk}/{action}/", follow=True)
        assert (response.status_code, response.redirect_chain) == (200, [("/todos/", 302)])


def test_unknown_mark_is_not_found(client: Client, todo: Todo) -> None:
    assert client.post(f"/todos/{todo.pk}/lost/").status_code == 404


def test_someone_elses_todo_stays_private(client: Client, member: User) -> None:
    todo = Todo.objects.create(title="Private", owner=member)
    client.post(f"/todos/{todo.pk}/delete/")
    assert Todo.objects.filter(pk=todo.pk).exists()
    assert "Private" not in client.get("/todos/").text
