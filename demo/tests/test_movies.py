"""The movies app: its receivers, its pages, its mail."""

from __future__ import annotations

import json
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db.models.signals import post_save
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from demo.home.browser import Browser
from demo.movies import omdb
from demo.movies.models import Genre, Movie, SearchTerm
from demo.movies.search import MOST_FOUND, fill_movie_details
from demo.movies.tasks import notify_of_new_search_term, search_in_background
from demo.movies.views import GIVE_UP, PATIENCE
from demo.tests import omdb_stub, queueing
from demo.tests.conftest import Recorded
from demo.tests.omdb_stub import Service
from demo.tests.running import Demo, eventually

catalogue = omdb_stub.catalogue
service = omdb_stub.service
broker = queueing.broker
eager = queueing.eager

pytestmark = pytest.mark.usefixtures("catalogue")

RECEIVERS = "demo.movies.receivers"


@pytest.fixture
def nemo(db: None) -> Movie:
    return Movie.objects.create(omdb_id="tt9900001", title="Finding Nemo", year=2003)


@pytest.mark.django_db
@pytest.mark.usefixtures("eager")
def test_new_term_is_mailed_once_and_recorded(
    recorded: Recorded, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        term = SearchTerm.objects.ask("Finding  NEMO")
        assert mail.outbox == []
    with django_capture_on_commit_callbacks(execute=True):
        assert SearchTerm.objects.ask("finding nemo") == term
    first, second = reversed(recorded(f"{RECEIVERS}.queue_notification"))
    assert [message.subject for message in mail.outbox] == ["[Django] New search term: finding nemo"]
    assert first.sender == second.sender == "demo.movies.models.SearchTerm"
    assert (first.signal, first.outcome) == ("django.db.models.signals.post_save", "ok")


@pytest.mark.django_db
def test_second_import_of_the_receiver_would_not_connect_it_twice() -> None:
    calls: list[object] = []

    def copy(**named: object) -> None:
        calls.append(named)

    post_save.connect(copy, sender=SearchTerm, dispatch_uid="movies.queue_notification")
    SearchTerm.objects.ask("nemo")
    assert calls == []


@pytest.mark.django_db(transaction=True)
def test_search_goes_on_when_its_mail_cannot_be_queued(broker: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(broker)
    assert SearchTerm.objects.ask("nemo").pk
    assert any("on_commit" in message for message in caplog.messages)


def test_filled_movie_is_logged_and_recorded(nemo: Movie, recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    fill_movie_details(nemo)
    (dispatch,) = recorded(f"{RECEIVERS}.log_movie_filled")
    assert "Filled in: Finding Nemo (2003), 100 min" in caplog.messages
    assert dispatch.signal == "demo.movies.signals.movie_filled"
    assert dispatch.sender == "demo.movies.search.fill_movie_details"


def test_genres_are_counted_and_recorded(nemo: Movie, recorded: Recorded) -> None:
    drama, family = (Genre.objects.create(name=name) for name in ("Drama", "Family"))
    other = Movie.objects.create(omdb_id="tt2", title="Other")

    def counts() -> tuple[int, int]:
        return Genre.objects.get(pk=drama.pk).movie_count, Genre.objects.get(pk=family.pk).movie_count

    nemo.genres.set([drama, family])
    assert counts() == (1, 1)
    drama.movies.add(other)
    assert counts() == (2, 1)
    nemo.genres.remove(drama)
    assert counts() == (1, 1)
    nemo.genres.clear()
    assert counts() == (1, 0)
    drama.movies.clear()
    assert counts() == (0, 0)
    dispatches = recorded(f"{RECEIVERS}.recount_genres")
    assert {dispatch.signal for dispatch in dispatches} == {"django.db.models.signals.m2m_changed"}
    assert len(dispatches) == 10  # before and after each change


def test_deleted_movie_is_counted_no_more_and_recorded(nemo: Movie, recorded: Recorded) -> None:
    drama = Genre.objects.create(name="Drama")
    nemo.genres.add(drama)
    nemo.delete()
    drama.refresh_from_db()
    assert drama.movie_count == 0
    assert [dispatch.sender for dispatch in recorded(f"{RECEIVERS}.leave_genres")] == ["demo.movies.models.Movie"]


@pytest.mark.django_db
def test_client_is_closed_with_its_request_and_recorded(
    client: Client, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "demo")
    client.post("/movies/", {"text": "nemo", "how": "now"})
    (dispatch,) = recorded(f"{RECEIVERS}.close_omdb_client")
    assert "OMDb was asked 2 times" in caplog.messages
    assert omdb.close() is None
    assert dispatch.signal == "django.core.signals.request_finished"


@pytest.mark.django_db
def test_page_finds_movies_now(client: Client) -> None:
    page = client.post("/movies/", {"text": "finding nemo", "how": "now"}, follow=True)
    assert "Finding Nemo (2003)" in page.text
    assert "Animation" in page.text
    assert "100 min" in page.text
    assert "Refresh" not in page.headers
    assert "finding nemo" in client.get("/movies/").text


@pytest.mark.django_db
def test_page_shows_only_so_many(client: Client) -> None:
    page = client.post("/movies/", {"text": "the", "how": "now"}, follow=True)
    assert f"{MOST_FOUND} movies found." in page.text


@pytest.mark.django_db
def test_page_says_that_nothing_was_found(client: Client) -> None:
    page = client.post("/movies/", {"text": "nobody made this", "how": "now"}, follow=True)
    assert "No movie has all these words in its title." in page.text


@pytest.mark.django_db
@pytest.mark.usefixtures("broker")
def test_background_search_is_pending_until_the_worker_is_done(client: Client) -> None:
    page = client.post("/movies/", {"text": "finding nemo", "how": "background"}, follow=True)
    assert "The search is in the queue." in page.text
    assert "Is a worker running?" not in page.text
    term = SearchTerm.objects.get()
    assert page.headers["Refresh"] == f"1; url=/movies/searches/{term.pk}/"
    search_in_background(term.pk)
    page = client.get(f"/movies/searches/{term.pk}/")
    assert "Finding Nemo (2003)" in page.text
    assert "Refresh" not in page.headers
    assert omdb.close() is None


@pytest.mark.django_db
@pytest.mark.parametrize(("waited", "refreshes"), [(PATIENCE, True), (GIVE_UP, False)])
def test_page_says_when_no_worker_comes(client: Client, waited: timedelta, refreshes: bool) -> None:  # noqa: FBT001
    term = SearchTerm.objects.create(text="nemo", asked_at=timezone.now() - waited - timedelta(seconds=1))
    page = client.get(f"/movies/searches/{term.pk}/")
    assert "Is a worker running?" in page.text
    assert ("Refresh" in page.headers) is refreshes


@pytest.mark.django_db
def test_page_says_that_the_search_failed(client: Client, service: Service) -> None:
    service.status = 503
    page = client.post("/movies/", {"text": "nemo", "how": "now"})
    assert page.status_code == 502
    assert "OMDb refused to answer: 503 Service Unavailable." in page.text


@pytest.mark.django_db
def test_failed_background_search_is_told_of(client: Client, service: Service) -> None:
    service.status = 503
    term = SearchTerm.objects.ask("nemo")
    search_in_background(term.pk)
    assert "OMDb refused to answer: 503" in client.get(f"/movies/searches/{term.pk}/").text


@pytest.mark.django_db
def test_page_says_that_the_queue_is_away(client: Client, broker: Path) -> None:
    shutil.rmtree(broker)
    page = client.post("/movies/", {"text": "nemo", "how": "background"})
    assert page.status_code == 503
    assert "The task queue cannot be reached" in page.text


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"text": " ", "how": "now"}, {"text": "nemo", "how": "never"}])
def test_page_says_what_is_wrong_with_a_search(client: Client, fields: dict[str, str]) -> None:
    page = client.post("/movies/", fields)
    assert page.status_code == 200
    assert "errorlist" in page.text
    assert not SearchTerm.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["queue_notification", "log_movie_filled", "recount_genres", "close_omdb_client"])
def test_page_leads_to_the_receivers(client: Client, name: str) -> None:
    assert f'href="/signals/receivers/{RECEIVERS}.{name}/"' in client.get("/movies/").text


def test_worker_searches_and_mails(demo: Demo, browser: Browser) -> None:
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"username": "demo", "password": "demo"})
    browser.get("/movies/")
    before = time.time()
    result = browser.post("/movies/", {"text": "some like it hot", "how": "background"}).url
    assert eventually(lambda: "Some Like It Hot (1959)" in browser.get(result).text)
    assert eventually(lambda: "The worker told the admins" in browser.get(result).text)
    assert "Subject: [Django] New search term: some like it hot" in demo.output

    def dispatches() -> list[dict[str, Any]]:
        page = browser.get(f"/signals/api/live/?receiver={RECEIVERS}.log_movie_filled")
        return [row for row in json.loads(page.text)["dispatches"] if row["started_at"] > before]

    assert eventually(dispatches)
    assert {row["origin_kind"] for row in dispatches()} == {"task"}
    assert all(row["origin_id"].startswith("demo.movies.tasks.search_in_background[") for row in dispatches())


@pytest.mark.django_db
@pytest.mark.usefixtures("broker")
def test_task_mails_the_admins(client: Client) -> None:
    term = SearchTerm.objects.ask("finding nemo")
    notify_of_new_search_term(term.pk)
    (message,) = mail.outbox
    assert message.to == ["admin@example.org"]
    assert "finding nemo" in message.body
    term.finish([])
    assert "The worker told the admins" in client.get(f"/movies/searches/{term.pk}/").text
