"""The Open Movie Database, or a small bundled catalogue if OMDB_API_KEY is not set.

One client is open per thread, from its first query until it is closed: by a receiver of ``request_finished``
after a request, the task or the command otherwise.
"""

from __future__ import annotations

import json
import os
import re
import threading
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, build_opener

CATALOGUE = Path(__file__).with_name("catalogue.json")
DEFAULT_URL = "https://www.omdbapi.com/"
TIMEOUT_SECONDS = 5.0
LARGEST_ANSWER = 1_000_000
NOT_FOUND = "Movie not found!"
NOT_AVAILABLE = "N/A"
SHAPE = "OMDb answered JSON of another shape than it documents."


class OmdbError(Exception):
    """OMDb did not answer, or returned an error; the text can be shown to visitors."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A movie as a search lists it."""

    omdb_id: str
    title: str
    year: int | None


@dataclass(frozen=True, slots=True)
class Details:
    """The details of a movie."""

    runtime_minutes: int | None
    genres: tuple[str, ...]
    plot: str


class Client(ABC):
    """Answers queries about movies, and counts them."""

    def __init__(self) -> None:
        self.questions = 0

    def search(self, text: str) -> list[Summary]:
        """Movies whose title has these words; an empty list if there are none."""
        self.questions += 1
        return self._search(text)

    def details(self, omdb_id: str) -> Details:
        """The details of one movie."""
        self.questions += 1
        return self._details(omdb_id)

    @abstractmethod
    def _search(self, text: str) -> list[Summary]: ...

    @abstractmethod
    def _details(self, omdb_id: str) -> Details: ...


class CatalogueClient(Client):
    """Answers from the bundled catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self._movies: dict[str, dict[str, Any]] = {
            movie["id"]: movie for movie in json.loads(CATALOGUE.read_text(encoding="utf-8"))
        }

    def _search(self, text: str) -> list[Summary]:
        words = _plain(text).split()
        return [
            Summary(key, movie["title"], movie["year"])
            for key, movie in self._movies.items()
            if words and all(word in _plain(movie["title"]) for word in words)
        ]

    def _details(self, omdb_id: str) -> Details:
        if omdb_id not in self._movies:
            raise OmdbError(f"The bundled catalogue has no movie {omdb_id}.")
        movie = self._movies[omdb_id]
        return Details(movie["runtime"], tuple(movie["genres"]), movie["plot"])


class OmdbClient(Client):
    """Queries the real service, or another one at ``url`` with the same API."""

    def __init__(self, key: str, url: str = DEFAULT_URL) -> None:
        super().__init__()
        if urlsplit(url).scheme not in {"http", "https"}:
            raise OmdbError(f"OMDB_URL must begin with http:// or https://, not {url!r}.")
        self._key = key
        self._url = url
        self._opener = build_opener()

    def _search(self, text: str) -> list[Summary]:
        answer = self._ask(s=text, type="movie")
        if answer.get("Error") == NOT_FOUND:
            return []
        rows = self._checked(answer).get("Search", ())
        try:
            return [Summary(row["imdbID"], row["Title"], _number(row["Year"])) for row in rows]
        except (KeyError, TypeError) as error:
            raise OmdbError(SHAPE) from error

    def _details(self, omdb_id: str) -> Details:
        movie = self._checked(self._ask(i=omdb_id, plot="short"))
        genres = [name.strip() for name in _text(movie.get("Genre")).split(",")]
        return Details(_number(movie.get("Runtime")), tuple(filter(None, genres)), _text(movie.get("Plot")))

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("Response") != "True":
            raise OmdbError(f"OMDb says: {answer.get('Error', 'nothing')}")
        return answer

    def _ask(self, **question: str) -> dict[str, Any]:
        # No error may show the address, because it contains the key.
        request = Request(f"{self._url}?{urlencode({'apikey': self._key, **question})}")  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = json.loads(response.read(LARGEST_ANSWER))
        except HTTPError as error:
            with error:
                raise OmdbError(f"OMDb refused to answer: {error.code} {error.reason}.") from error
        except (OSError, HTTPException) as error:  # no connection, no answer in time, an incomplete answer
            raise OmdbError(f"OMDb cannot be reached: {getattr(error, 'reason', error)}.") from error
        except ValueError as error:
            raise OmdbError("OMDb answered something that is not JSON.") from error
        if not isinstance(answer, dict):
            raise OmdbError(SHAPE)
        return answer


_open = threading.local()


def client() -> Client:
    """The client of this thread, opened for the first query."""
    if not hasattr(_open, "client"):
        key = os.environ.get("OMDB_API_KEY")
        _open.client = OmdbClient(key, os.environ.get("OMDB_URL", DEFAULT_URL)) if key else CatalogueClient()
    opened: Client = _open.client
    return opened


def close() -> int | None:
    """Close the client of this thread; returns its number of queries, or None if none was open."""
    if not hasattr(_open, "client"):
        return None
    questions: int = _open.client.questions
    del _open.client
    return questions


def _plain(text: str) -> str:
    """Lower case, without accents and punctuation, so that "amelie" finds "Amélie"."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[\W_]+", " ", "".join(letter for letter in letters if not unicodedata.combining(letter)))


def _number(text: object) -> int | None:
    """The number at the start of a text, as in "100 min"."""
    found = re.match(r"\d{1,4}", str(text))
    return int(found[0]) if found else None


def _text(text: object) -> str:
    return "" if text in {None, NOT_AVAILABLE} else str(text)
