"""The pitfalls page: what each press does, and where its links lead."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils.module_loading import import_string

from demo.celery import app as celery_app
from demo.pitfalls.catalogue import FAMILIES, PITFALLS
from demo.pitfalls.models import KEPT, Lookup, Press
from demo.pitfalls.routers import ENROLMENTS
from demo.pitfalls.signals import voucher_redeemed
from demo.pitfalls.supplier import supplier
from demo.pitfalls.tasks import welcome_member
from demo.tests.conftest import Recorded
from demo.tests.running import eventually
from signal_monitor import pipeline
from signal_monitor.records import Outcome

RECEIVERS = "demo.pitfalls.receivers"
BOTH_DATABASES = pytest.mark.django_db(databases=["default", ENROLMENTS])
FORGOTTEN = "demo.pitfalls.forgotten.receivers"


@pytest.fixture(autouse=True)
def _no_worker() -> Iterator[None]:
    celery_app.conf.task_always_eager = True
    yield
    celery_app.conf.task_always_eager = False


@pytest.fixture
def staff(client: Client, member: User) -> Client:
    User.objects.filter(pk=member.pk).update(is_staff=True)
    client.force_login(member)
    return client


def links(page: str) -> list[str]:
    """The addresses of the dashboard that a page leads to."""
    return [link.replace("&amp;", "&") for link in re.findall(r'href="(/signals/[^"]*)"', page)]


def fall(slug: str, recorded: Recorded, receiver: str) -> dict[str, Outcome]:
    """Press the button, and answer the outcomes of its dispatch by receiver."""
    response = Client().post(f"/pitfalls/{slug}/")
    assert response.status_code == 302
    (dispatch,) = recorded(f"{RECEIVERS}.{receiver}")
    return {call.receiver.rpartition(".")[2]: call.outcome for call in dispatch.calls}


@pytest.mark.django_db
def test_slow_receiver_keeps_the_visitor_waiting(recorded: Recorded) -> None:
    assert fall("slow-receiver", recorded, "render_report") == {"render_report": "ok", "count_report": "ok"}
    assert Press.objects.get().waited_ms >= 350
    assert recorded(f"{RECEIVERS}.render_report")[0].severity == "slow"


@pytest.mark.django_db
def test_count_report_runs_after_the_slow_one(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    fall("slow-receiver", recorded, "count_report")
    assert "A report was asked for" in caplog.messages


@pytest.mark.django_db
def test_raising_receiver_stops_the_next(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    outcomes = fall("raises-under-send", recorded, "check_totals")
    assert outcomes == {"check_totals": "raised", "announce_import": "not_run"}
    assert "An import has finished" not in caplog.messages
    assert "1200 rows in the file, 1187 in the table" in Press.objects.get().what_happened


@pytest.mark.django_db
def test_swallowed_error_lets_the_next_run(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    outcomes = fall("swallowed-under-send-robust", recorded, "archive_leftovers")
    assert outcomes == {"archive_leftovers": "swallowed", "log_cleanup": "ok"}
    assert "The cleanup has finished" in caplog.messages
    assert "All seems well" in Press.objects.get().what_happened


@pytest.mark.django_db
def test_page_shows_what_came_of_the_last_press(client: Client) -> None:
    client.post("/pitfalls/raises-under-send/")
    assert "Nothing tells the visitor that a receiver raised this" in client.get("/pitfalls/").text


@pytest.mark.django_db
def test_page_has_every_pitfall_under_its_family(client: Client) -> None:
    page = client.get("/pitfalls/").text
    ids = re.findall(r'id="([^"]+)"', page)
    wanted = [slug for family in FAMILIES for slug in (family.slug, *(pitfall.slug for pitfall in family.pitfalls))]
    assert [each for each in ids if each in wanted] == wanted
    assert set(re.findall(r'href="#([^"]+)"', page)) == {*wanted, "content"}


@pytest.mark.django_db
def test_link_leads_somewhere_before_anything_was_pressed(staff: Client, recorded: Recorded) -> None:
    for link in links(staff.get("/pitfalls/").text):
        follow(staff, link)


@BOTH_DATABASES
def test_link_leads_somewhere_after_everything_was_pressed(staff: Client, recorded: Recorded) -> None:
    for pitfall in PITFALLS:
        assert staff.post(f"/pitfalls/{pitfall.slug}/").status_code == 302
    supplier.let_go()
    pipeline.flush()
    found = links(staff.get("/pitfalls/").text)
    for pitfall in PITFALLS:
        assert not pitfall.culprit or f"/signals/receivers/{pitfall.culprit}/" in found
    for link in found:
        follow(staff, link)


def follow(client: Client, link: str) -> None:
    """The page is there, and so is the part of it that the link names."""
    path, _, element = link.partition("#")
    response = client.get(path)
    assert response.status_code == 200, link
    assert not element or f'id="{element}"' in response.text
    if "/live/?" in path:
        assert client.get(path.replace("/live/", "/api/live/")).status_code == 200, link


@pytest.mark.parametrize("pitfall", [each for each in PITFALLS if each.culprit], ids=lambda pitfall: pitfall.slug)
def test_culprit_exists(pitfall: object) -> None:
    assert callable(import_string(pitfall.culprit))  # type: ignore[attr-defined]


def test_forgotten_receiver_would_run_if_somebody_imported_it() -> None:
    assert FORGOTTEN not in sys.modules
    module = import_module(FORGOTTEN)
    try:
        assert voucher_redeemed.send(sender=Press) == [(module.book_voucher, "booked")]
    finally:
        voucher_redeemed.disconnect(module.book_voucher)
        del sys.modules[FORGOTTEN]


@BOTH_DATABASES
def test_page_tells_what_the_worker_found(client: Client) -> None:
    client.post("/pitfalls/queued-before-the-commit/")
    welcome_member(0)
    assert "The worker looked for member 0 at" in client.get("/pitfalls/").text
    assert "and did not find it." in client.get("/pitfalls/").text


@BOTH_DATABASES
def test_only_the_last_lookups_are_kept() -> None:
    for member_id in range(KEPT + 3):
        welcome_member(member_id)
    assert Lookup.objects.count() == KEPT
    assert "Member 22 was not there at" in str(Lookup.objects.first())


@pytest.mark.django_db
def test_there_is_nothing_to_let_go(client: Client) -> None:
    assert client.post("/pitfalls/hangs/let-go/").status_code == 302  # of another test's, too
    assert eventually(lambda: "Let it go" not in client.get("/pitfalls/").text)


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", "pitfalls", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_unknown_pitfall_is_not_found(client: Client) -> None:
    assert client.post("/pitfalls/none/").status_code == 404


@pytest.mark.django_db
def test_only_the_last_presses_are_kept() -> None:
    for _ in range(KEPT + 3):
        newest = Press.objects.keep(pitfall="slow-receiver", waited_ms=1, what_happened="")
    other = Press.objects.keep(pitfall="raises-under-send", waited_ms=1, what_happened="")
    assert Press.objects.filter(pitfall="slow-receiver").count() == KEPT
    assert list(Press.objects.all()[:2]) == [other, newest]
