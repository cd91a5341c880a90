"""The client of OMDb, with the bundled catalogue and with a service."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from demo.movies import omdb
from demo.movies.models import SearchTerm
from demo.movies.search import find_movies
from demo.tests import omdb_stub
from demo.tests.omdb_stub import KEY, NEMO_DETAILS, Service

catalogue = omdb_stub.catalogue
service = omdb_stub.service


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def titles(text: str) -> list[str]:
    return [summary.title for summary in omdb.CatalogueClient().search(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("finding", ["Finding Nemo", "Finding Dory", "Finding Neverland"]),
        ("NEMO finding", ["Finding Nemo"]),
        ("amelie", ["Amélie"]),
        ("wall-e", ["WALL·E"]),
        ("nobody made this", []),
        ("!?", []),
    ],
)
def test_catalogue_is_searched_by_words(text: str, found: list[str]) -> None:
    assert titles(text) == found


def test_catalogue_has_details_of_every_movie() -> None:
    rows: list[dict[str, Any]] = json.loads(omdb.CATALOGUE.read_text())
    client = omdb.CatalogueClient()
    assert len({row["id"] for row in rows}) == len(rows) >= 40
    for row in rows:
        details = client.details(row["id"])
        assert details.runtime_minutes
        assert details.genres
        assert details.plot.endswith(".")


def test_catalogue_refuses_a_movie_it_does_not_have() -> None:
    with pytest.raises(omdb.OmdbError, match="has no movie tt1"):
        omdb.CatalogueClient().details("tt1")


@pytest.mark.django_db
def test_service_is_asked_when_there_is_a_key(service: Service) -> None:
    (movie,) = find_movies(SearchTerm.objects.ask("finding nemo"))
    assert (movie.title, movie.year, movie.runtime_minutes) == ("Finding Nemo", 2003, 100)
    assert movie.plot == "A father looks for his son."
    assert {genre.name for genre in movie.genres.all()} == {"Animation", "Adventure"}
    search, details = service.asked
    assert search == {"apikey": KEY, "s": "finding nemo", "type": "movie"}
    assert details == {"apikey": KEY, "i": "tt0266543", "plot": "short"}


@pytest.mark.django_db
def test_movie_is_looked_up_once(service: Service) -> None:
    for _ in range(2):
        find_movies(SearchTerm.objects.ask("nemo"))
    assert [question.get("s") or question["i"] for question in service.asked] == ["nemo", "tt0266543", "nemo"]


def test_service_that_finds_nothing_is_no_error(service: Service) -> None:
    service.search = {"Response": "False", "Error": "Movie not found!"}
    assert omdb.client().search("nobody made this") == []


def test_service_may_leave_facts_out(service: Service) -> None:
    service.details = {**NEMO_DETAILS, "Runtime": "N/A", "Genre": "N/A", "Plot": "N/A"}
    assert omdb.client().details("tt0266543") == omdb.Details(None, (), "")


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (200, {"Response": "False", "Error": "Too many results."}, "OMDb says: Too many results."),
        (401, {"Response": "False", "Error": "Invalid API key!"}, "OMDb refused to answer: 401 Unauthorized."),
        (200, b"<html>", "something that is not JSON"),
        (200, ["a list"], "another shape"),
        (200, {"Response": "True", "Search": [{"Title": "Nameless"}]}, "another shape"),
    ],
)
def test_service_that_answers_wrongly_is_told_of(service: Service, status: int, answer: object, message: str) -> None:
    service.status, service.search = status, answer
    with pytest.raises(omdb.OmdbError, match=message) as caught:
        omdb.client().search("nemo")
    assert KEY not in str(caught.value)


def test_service_that_is_away_is_told_of(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(omdb.OmdbError, match="cannot be reached") as caught:
        omdb.OmdbClient(KEY, f"http://127.0.0.1:{closed_port}/").search("nemo")
    assert KEY not in str(caught.value)


def test_service_must_be_on_the_web() -> None:
    with pytest.raises(omdb.OmdbError, match="OMDB_URL must begin with"):
        omdb.OmdbClient(KEY, "file:///etc/hostname")
