"""The blocking app: the visitor waits for ten receivers, and does not wait for ten tasks."""

from __future__ import annotations

import json
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from demo.blocking.chores import CHORES, do_chore
from demo.blocking.models import KEPT, Chore, Publication
from demo.blocking.signals import article_published
from demo.blocking.tasks import do_chore_later
from demo.blocking.views import GIVE_UP, PATIENCE
from demo.home.browser import Browser
from demo.tests import queueing
from demo.tests.conftest import Recorded
from demo.tests.running import eventually

broker = queueing.broker
eager = queueing.eager

RECEIVERS = "demo.blocking.receivers"
SIGNAL, TASKS = Publication.How.SIGNAL, Publication.How.TASKS


def queued(*, waited_ms: float = 4.0, seconds_ago: float = 0.0) -> Publication:
    publication = Publication.objects.create(how=TASKS, waited_ms=waited_ms)
    publication.published_at = timezone.now() - timedelta(seconds=seconds_ago)
    publication.save()
    return publication


@pytest.mark.django_db
def test_visitor_waits_for_ten_receivers(client: Client, recorded: Recorded) -> None:
    page = client.post("/blocking/signal/", follow=True)
    publication = Publication.objects.get()
    (dispatch,) = recorded(f"{RECEIVERS}.index_for_search")
    assert publication.waited_ms is not None
    assert publication.waited_ms >= 200
    assert f"<strong>{publication.waited_ms:.1f} ms</strong> waited" in page.text
    assert "10 of 10 chores done, before this page could load." in page.text
    assert dispatch.signal == "demo.blocking.signals.article_published"
    assert [call.receiver for call in dispatch.calls] == [f"{RECEIVERS}.{name}" for name in CHORES]
    assert all(call.duration_ns >= 20e6 for call in dispatch.calls)
    assert dispatch.duration_ns / 1e6 <= publication.waited_ms


@pytest.mark.django_db
@pytest.mark.parametrize("name", CHORES)
def test_receiver_does_its_chore_and_is_recorded(recorded: Recorded, name: str) -> None:
    publication = Publication.objects.create(how=SIGNAL)
    article_published.send(sender=Publication, publication=publication)
    (dispatch,) = recorded(f"{RECEIVERS}.{name}")
    assert publication.chores.filter(name=name).count() == 1
    assert dispatch.sender == "demo.blocking.models.Publication"


@pytest.mark.django_db
@pytest.mark.usefixtures("eager")
def test_chores_are_queued_on_commit_and_recorded(
    client: Client, recorded: Recorded, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/blocking/tasks/")
        assert not Chore.objects.exists()
    (dispatch,) = recorded(f"{RECEIVERS}.queue_chores")
    assert [chore.name for chore in Chore.objects.all()] == list(CHORES)
    assert "10 of 10 chores done by the worker" in client.get("/blocking/").text
    assert dispatch.signal == "demo.blocking.signals.article_queued"


@pytest.mark.django_db
def test_last_chore_is_noted_and_recorded(recorded: Recorded) -> None:
    publication = Publication.objects.create(how=TASKS)
    for name in CHORES[:-1]:
        do_chore_later(publication.pk, name)
    assert Publication.objects.get().took_seconds is None
    do_chore_later(publication.pk, CHORES[-1])
    assert (Publication.objects.get().took_seconds or 0) > 0.2
    dispatches = recorded(f"{RECEIVERS}.note_last_chore")
    assert [dispatch.sender for dispatch in dispatches] == ["demo.blocking.models.Chore"] * 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broker")
def test_visitor_does_not_wait_for_ten_tasks(client: Client) -> None:
    for _ in range(5):
        page = client.post("/blocking/tasks/", follow=True)
    waits = [publication.waited_ms or 0.0 for publication in Publication.objects.all()]
    assert min(waits) > 0
    assert not Chore.objects.exists()
    assert f"<strong>{waits[0]:.1f} ms</strong> waited" in page.text
    assert "0 of 10 chores done by the worker" in page.text
    assert page.headers["Refresh"] == "1; url=/blocking/"


@pytest.mark.django_db
def test_page_counts_chores_as_they_are_done(client: Client) -> None:
    publication = queued()
    do_chore(publication, CHORES[0])
    do_chore(publication, CHORES[1])
    assert "2 of 10 chores done by the worker" in client.get("/blocking/").text


@pytest.mark.django_db
@pytest.mark.parametrize(("waited", "refreshes"), [(PATIENCE, True), (GIVE_UP, False)])
def test_page_says_when_no_worker_comes(client: Client, waited: timedelta, refreshes: bool) -> None:  # noqa: FBT001
    queued(seconds_ago=waited.total_seconds() + 1)
    page = client.get("/blocking/")
    assert "Is a worker running?" in page.text
    assert ("Refresh" in page.headers) is refreshes


@pytest.mark.django_db(transaction=True)
def test_page_says_that_the_queue_is_away(client: Client, broker: Path) -> None:
    shutil.rmtree(broker)
    page = client.post("/blocking/tasks/", follow=True)
    assert "The task queue cannot be reached" in page.text
    assert "Refresh" not in page.headers


@pytest.mark.django_db
def test_chore_of_a_forgotten_publication_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    do_chore_later(4711, "build_feed")
    assert "Publication 4711 is gone, and so is its chore build_feed" in caplog.messages


@pytest.mark.django_db
def test_only_the_last_publications_are_kept() -> None:
    made = [queued() for _ in range(KEPT + 3)]
    Publication.objects.forget_old()
    assert list(Publication.objects.all()) == made[:2:-1]


@pytest.mark.django_db
def test_unknown_way_is_not_found(client: Client) -> None:
    assert client.post("/blocking/pigeon/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        *(f"receivers/{RECEIVERS}.{name}/" for name in (*CHORES, "queue_chores", "note_last_chore")),
        "live/?signal=%3Ddemo.blocking.signals.article_published",
        "live/?signal=%3Ddemo.blocking.signals.article_queued",
        "live/?signal=%3Ddemo.blocking.signals.chore_done",
        "requests/?path=/blocking/signal/",
        "requests/?path=/blocking/tasks/",
    ],
)
def test_page_leads_to_the_dashboard(client: Client, address: str) -> None:
    assert f'href="/signals/{address}"' in client.get("/blocking/").text


def test_worker_does_the_chores(browser: Browser) -> None:
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"username": "demo", "password": "demo"})
    browser.get("/blocking/")
    before = time.time()
    assert "chores done by the worker" in browser.post("/blocking/tasks/").text
    assert eventually(lambda: "10 of 10 chores done by the worker, the last one" in browser.get("/blocking/").text)

    def dispatches(receiver: str) -> list[dict[str, Any]]:
        page = browser.get(f"/signals/api/live/?receiver={RECEIVERS}.{receiver}")
        rows: list[dict[str, Any]] = json.loads(page.text)["dispatches"]
        return [row for row in rows if row["started_at"] > before]

    assert eventually(lambda: len(dispatches("note_last_chore")) == 10)
    (by_site,) = dispatches("queue_chores")
    by_worker = dispatches("note_last_chore")
    assert by_site["origin_kind"] == "request"
    assert {row["origin_kind"] for row in by_worker} == {"task"}
    assert by_site["process"] not in {row["process"] for row in by_worker}
