"""What the pitfalls page promises is what the dashboard's JSON shows, pitfall by pitfall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db.models.signals import post_delete
from django.test import Client
from pytest_django.fixtures import Settings

from demo.celery import app as celery_app
from demo.pitfalls.mistakes.waiting import ROUNDS
from demo.pitfalls.models import MEMBERS, Certificate, Course, CourseUser, Draft, Payment, Press
from demo.pitfalls.routers import ENROLMENTS
from demo.pitfalls.signals import course_archived, course_saved, lesson_starting
from demo.pitfalls.supplier import supplier
from demo.tests.conftest import Recorded
from demo.tests.running import eventually
from signal_monitor import pipeline

RECEIVERS = "demo.pitfalls.receivers"
SIGNALS = "demo.pitfalls.signals"
Json = dict[str, Any]


class Visit:
    """Presses buttons, and reads the dashboard's JSON as a member of the staff."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def press(self, slug: str) -> str:
        """Press a button, and answer what the page says of it."""
        assert self._client.post(f"/pitfalls/{slug}/").status_code == 302
        return Press.objects.filter(pitfall=slug).latest("pk").what_happened

    def read(self, path: str, **query: str) -> Json:
        """Read a page's JSON twin."""
        pipeline.flush()
        response = self._client.get(f"/signals/api/{path}?{urlencode(query)}")
        assert response.status_code == 200
        answer: Json = response.json()
        return answer

    def dispatches(self, receiver: str, **query: str) -> list[Json]:
        """The dispatches of a receiver, newest first."""
        found: list[Json] = self.read("live/", receiver=receiver, **query)["dispatches"]
        return found

    def orphans(self, signal: str) -> int:
        """How many dispatches of a signal found no receiver."""
        count: int = self.read("overview/")["orphans"].get(f"{SIGNALS}.{signal}", 0)
        return count


@pytest.fixture
def visit(client: Client, member: User, recorded: Recorded) -> Visit:
    User.objects.filter(pk=member.pk).update(is_staff=True)
    client.force_login(member)
    return Visit(client)


@pytest.fixture(autouse=True)
def _no_worker() -> Iterator[None]:
    celery_app.conf.task_always_eager = True
    yield
    celery_app.conf.task_always_eager = False


@pytest.fixture(autouse=True)
def _leave_nothing() -> Iterator[None]:
    yield
    supplier.let_go()
    lesson_starting.disconnect(dispatch_uid="demo.pitfalls.remind")


def outcomes(dispatch: Json) -> dict[str, str]:
    return {call["receiver"].rpartition(".")[2]: call["outcome"] for call in dispatch["calls"]}


def test_slow_receiver_is_slow_in_a_slow_request(visit: Visit) -> None:
    visit.press("slow-receiver")
    (dispatch,) = visit.dispatches(f"{RECEIVERS}.render_report", min_ms="100")
    request = visit.read(f"requests/{dispatch['origin_id']}/")
    assert dispatch["calls"][0]["severity"] in {"slow", "critical"}
    assert request["receivers_share"] > 0
    assert visit.read("overview/")["waited_for"][0]["name"] == f"{RECEIVERS}.render_report"


def test_hanging_receiver_is_running_with_its_stack(visit: Visit) -> None:
    assert "A request is hanging now" in visit.press("hangs")
    name = f"{RECEIVERS}.wait_for_supplier"

    def running() -> list[Json]:
        return [row for row in visit.read("overview/")["running"] if row["receiver"] == name and row["stack"]]

    assert eventually(running)
    assert "wait_for_answer" in {frame["function"].rpartition(".")[2] for frame in running()[0]["stack"]}
    assert not visit.dispatches(name)
    assert "still hangs" in visit.press("hangs")


def test_let_go_ends_the_hanging_receiver(visit: Visit, client: Client) -> None:
    visit.press("hangs")
    assert "Let it go" in client.get("/pitfalls/").text
    assert "It has been hanging for" in client.get("/pitfalls/").text
    assert client.post("/pitfalls/hangs/let-go/").status_code == 302
    assert eventually(lambda: visit.dispatches(f"{RECEIVERS}.wait_for_supplier"))
    assert "Let it go" not in client.get("/pitfalls/").text
    assert not visit.read("overview/")["running"]


def test_async_receiver_under_send_costs_more_than_it_runs(visit: Visit) -> None:
    visit.press("async-under-send")
    dispatches = visit.dispatches(f"{RECEIVERS}.await_quote")
    calls = [call for dispatch in dispatches for call in dispatch["calls"]]
    assert len(calls) == ROUNDS
    assert {call["is_async"] for call in calls} == {True}
    assert {dispatch["method"] for dispatch in dispatches} == {"send"}
    assert all(dispatch["duration_ms"] > dispatch["calls"][0]["duration_ms"] for dispatch in dispatches)


def test_plain_send_in_an_async_view_blocked_the_loop(visit: Visit) -> None:
    visit.press("blocks-the-event-loop")
    visit.press("slow-receiver")
    (dispatch,) = visit.dispatches(f"{RECEIVERS}.compare_quotes", min_ms="100")
    assert dispatch["blocked_loop"] is True
    assert [each["blocked_loop"] for each in visit.dispatches(f"{RECEIVERS}.render_report")] == [False]


def test_queries_of_a_receiver_are_counted(visit: Visit) -> None:
    visit.press("one-query-per-row")
    (dispatch,) = visit.dispatches(f"{RECEIVERS}.list_members_joined")
    assert [call["queries"] for call in dispatch["calls"]] == [1 + MEMBERS, 1]


def test_raising_receiver_stops_the_next(visit: Visit) -> None:
    visit.press("raises-under-send")
    (dispatch,) = visit.dispatches("check_totals", outcome="raised")
    assert outcomes(dispatch) == {"check_totals": "raised", "announce_import": "not_run"}
    assert dispatch["failure"]["traceback"]


def test_swallowed_error_is_among_the_failing(visit: Visit) -> None:
    visit.press("swallowed-under-send-robust")
    (dispatch,) = visit.dispatches("archive_leftovers", outcome="swallowed")
    assert outcomes(dispatch) == {"archive_leftovers": "swallowed", "log_cleanup": "ok"}
    failing = {row["name"]: row["last_failure"] for row in visit.read("overview/")["failing"]}
    assert failing[f"{RECEIVERS}.archive_leftovers"] == "KeyError: archive"


def test_missing_argument_is_named(visit: Visit) -> None:
    assert "was not opened" in visit.press("demands-created")
    (dispatch,) = visit.dispatches("greet_course", outcome="raised")
    failure = dispatch["calls"][0]["failure"]
    assert failure["type"] == "TypeError"
    assert "'created'" in failure["message"]
    assert not any(frame["function"] == "greet_course" for frame in failure["traceback"])


def test_receiver_that_needs_environ_fails_under_asgi_alone(visit: Visit) -> None:
    assert "Under WSGI all went well" in visit.press("needs-environ")
    asgi, wsgi = visit.dispatches("log_visitor")
    assert (wsgi["method"], wsgi["sender"], outcomes(wsgi)) == (
        "send",
        "django.core.handlers.wsgi.WSGIHandler",
        {"log_visitor": "ok"},
    )
    assert (asgi["method"], asgi["sender"], outcomes(asgi)) == (
        "asend",
        "django.core.handlers.asgi.ASGIHandler",
        {"log_visitor": "raised"},
    )


@pytest.mark.parametrize(
    ("slug", "signal"),
    [
        ("never-imported", "voucher_redeemed"),
        ("wrong-sender", "course_saved"),
        ("sender-is-an-instance", "course_archived"),
    ],
)
def test_dispatch_without_receiver_is_an_orphan(visit: Visit, slug: str, signal: str) -> None:
    before = visit.orphans(signal)
    assert "0 receivers answered" in visit.press(slug)
    assert "0 receivers answered" in visit.press(slug)
    assert visit.orphans(signal) == before + 2
    assert visit.read("health/")["orphans"][f"{SIGNALS}.{signal}"] == before + 2


@pytest.mark.parametrize("signal", ["lesson_starting", "lesson_ending"])
def test_local_receiver_is_lost(visit: Visit, signal: str) -> None:
    before = visit.orphans(signal)
    said = visit.press("lost-local-function")
    assert said == "Two receivers were connected, and 0 answered."
    assert visit.orphans(signal) == before + 1


def test_local_function_outlives_itself_in_debug(visit: Visit, settings: Settings) -> None:
    settings.DEBUG = True
    before = visit.orphans("lesson_ending")
    for _ in range(2):
        said = visit.press("lost-local-function")
        assert said.startswith("Two receivers were connected, and 1 answered. DEBUG is on")
    assert visit.orphans("lesson_ending") == before + 2
    assert len(visit.dispatches("_connect_locally.<locals>.remind")) == 2


def test_orphans_have_receivers_that_listen_to_something_else() -> None:
    assert [receiver.__name__ for receiver, _ in course_saved.send(sender=Course)] == ["follow_course"]
    assert [receiver.__name__ for receiver, _ in course_archived.send(sender=Course)] == ["note_archive"]


def test_saves_inside_post_save_are_nested(visit: Visit) -> None:
    assert "came out as version 5" in visit.press("saves-inside-post-save")
    dispatches = visit.dispatches("number_draft")
    assert sorted(each["depth"] for each in dispatches) == [0, 1, 2, 3, 4, 5]
    assert len({each["root_id"] for each in dispatches}) == 1
    assert len(visit.read(f"dispatches/{dispatches[0]['root_id']}/")["tree"]) >= 6
    assert not Draft.objects.exists()


def test_receiver_imported_twice_runs_twice(visit: Visit) -> None:
    said = visit.press("imported-twice")
    assert "You get 2 receipts from send_receipt, and 1 from" in said
    assert "imported as demo.pitfalls.mistakes.receipts and as pitfalls.mistakes.receipts." in said
    visit.press("imported-twice")
    for dispatch in visit.dispatches("send_receipt"):
        calls = [(call["receiver"], call["path"]) for call in dispatch["calls"]]
        assert sorted(name for name, _ in calls) == [
            "demo.pitfalls.mistakes.receipts.send_receipt",
            "demo.pitfalls.mistakes.receipts.send_receipt_once",
            "pitfalls.mistakes.receipts.send_receipt",
        ]
        assert len({path for _, path in calls}) == 1


def test_receiver_of_every_delete_turns_fast_deletes_off(visit: Visit) -> None:
    said = visit.press("turns-fast-deletes-off")
    # One query reads the rows, and they are deleted a hundred at a time.
    assert said.startswith("To delete 120 rows took 1 query; with the receiver, 3,")
    assert visit.read(f"receivers/{RECEIVERS}.audit_delete/")["count"] == 120
    assert {each["signal"] for each in visit.dispatches("audit_delete")} == {"django.db.models.signals.post_delete"}
    assert not post_delete.has_listeners(CourseUser)


def test_receiver_before_super_save_finds_no_row(visit: Visit) -> None:
    assert "was not issued" in visit.press("before-super-save")
    (dispatch,) = visit.dispatches("file_certificate", outcome="raised")
    assert dispatch["calls"][0]["failure"]["type"].endswith("Certificate.DoesNotExist")
    assert dispatch["call_site"]["function"] == "Certificate.save"
    assert not Certificate.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", ENROLMENTS])
def test_task_was_queued_inside_the_transaction(visit: Visit) -> None:
    visit.press("queued-before-the-commit")
    visit.press("slow-receiver")
    (dispatch,) = visit.dispatches("queue_welcome")
    assert dispatch["in_transaction"] is True
    assert [each["in_transaction"] for each in visit.dispatches("render_report")] == [False]


@pytest.mark.django_db(transaction=True)
def test_mail_was_sent_inside_a_transaction_that_rolled_back(visit: Visit) -> None:
    assert "0 rows are left of the payment; its receipt has been mailed" in visit.press("mailed-and-rolled-back")
    (dispatch,) = visit.dispatches("mail_receipt")
    assert (dispatch["in_transaction"], outcomes(dispatch)) == (True, {"mail_receipt": "ok"})
    assert [message.subject for message in mail.outbox] == ["Your receipt"]
    assert not Payment.objects.exists()
