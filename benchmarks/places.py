"""The places where requests are measured: in the child process itself, and behind servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

WSGI = "benchmarks.shop.wsgi"
ASGI = "benchmarks.shop.asgi"
COMPARED = ("vanilla", "control", "untraced", "otel-django", "otel-django-sampled")
"""The subjects that are measured under further servers."""


@dataclass(frozen=True)
class Place:
    """A server: how it is started for an interpreter and the descriptor of a listening socket.

    The client has as many ``connections`` as the server has threads for requests. A place ``closes`` the connections to
    the database after each request where each request may have a thread of its own, as under ASGI.
    """

    title: str
    script: str
    command: Callable[[str, int], Sequence[str]]
    connections: int = 1
    closes: bool = False

    def is_installed(self, python: str) -> bool:
        """Whether the server is installed beside the interpreter."""
        return Path(python).with_name(self.script).exists()


def _gunicorn(threads: int) -> Callable[[str, int], Sequence[str]]:
    # The sync worker has no persistent connections.
    options = ["--workers", "1", "--worker-class", "gthread", "--threads", str(threads)]
    options += ["--keep-alive", "600", "--timeout", "600"]
    return lambda python, fileno: [python, "-m", "gunicorn", *options, "--bind", f"fd://{fileno}", WSGI]


def _daphne(python: str, fileno: int) -> Sequence[str]:
    return [python, "-m", "daphne", "--verbosity", "0", "--fd", str(fileno), f"{ASGI}:application"]


def _uvicorn(python: str, fileno: int) -> Sequence[str]:
    options = ["--no-access-log", "--log-level", "warning", "--lifespan", "off", "--timeout-keep-alive", "600"]
    return [python, "-m", "uvicorn", *options, "--fd", str(fileno), f"{ASGI}:application"]


def _uwsgi(python: str, fileno: int) -> Sequence[str]:
    options = ["--need-app", "--enable-threads", "--single-interpreter", "--disable-logging", "--die-on-term"]
    options += ["--socket-timeout", "600"]
    return [
        str(Path(python).with_name("uwsgi")),
        *options,
        "--http11-socket",
        f"fd://{fileno}",
        "--module",
        f"{WSGI}:application",
    ]


GUNICORN = "under gunicorn"
SERVERS: dict[str, Place] = {
    GUNICORN: Place(GUNICORN, "gunicorn", _gunicorn(1)),
    "gunicorn-threads": Place("gunicorn, 4 threads", "gunicorn", _gunicorn(4), connections=4),
    "daphne": Place("daphne", "daphne", _daphne, closes=True),
    "uvicorn": Place("uvicorn", "uvicorn", _uvicorn, closes=True),
    "uwsgi": Place("uWSGI", "uwsgi", _uwsgi),
}
FURTHER = tuple(name for name in SERVERS if name != GUNICORN)
