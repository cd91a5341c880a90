"""A stand-in for OMDb: an HTTP server that answers as its documentation says, or as a test wants it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from demo.movies import omdb

KEY = "a-secret-key"
NEMO = {"Title": "Finding Nemo", "Year": "2003", "imdbID": "tt0266543", "Type": "movie"}
NEMO_DETAILS = {
    **NEMO,
    "Runtime": "100 min",
    "Genre": "Animation, Adventure",
    "Plot": "A father looks for his son.",
    "Response": "True",
}


class Service:
    """A server that answers as OMDb does, or as a test wants it to."""

    def __init__(self) -> None:
        self.status = 200
        self.search: object = {"Search": [NEMO], "totalResults": "1", "Response": "True"}
        self.details: object = NEMO_DETAILS
        self.asked: list[dict[str, str]] = []

    def answer(self, path: str) -> bytes:
        question = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.asked.append(question)
        answer = self.search if "s" in question else self.details
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look movies up in the bundled catalogue, whatever this machine has a key for."""
    monkeypatch.delenv("OMDB_API_KEY", raising=False)
    yield
    omdb.close()


@pytest.fixture
def service(catalogue: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Look movies up at a server of the test's own."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = service.answer(self.path)
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base calls it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("OMDB_API_KEY", KEY)
        monkeypatch.setenv("OMDB_URL", f"http://127.0.0.1:{server.server_port}/")
        yield service
        server.shutdown()
        thread.join()
