"""The site behind a server, and a client with persistent connections."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

from .children import ROOT, STOP_SECONDS, BenchmarkError, environment
from .places import Place
from .rounds import summary
from .subjects import Subject
from .tools import STORE

START_SECONDS = 30


class Server:
    """A subject behind an HTTP connection."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, port: int, connections: int) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._connections = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(connections)]
        self._asked = 0

    def start(self) -> None:
        """Wait for the first answer."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._get("/")
            except (OSError, http.client.HTTPException):
                self._connections[0].close()
                time.sleep(0.1)
            else:
                self._usage_ns(1)
                return
        raise self._failure("does not answer")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Run a command: "requests" answers with a summary, "durations" with the duration of each request."""
        count: int = arguments["count"]
        try:
            return self._measured(do, count)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(f"does not answer: {error!r}") from error

    def _measured(self, do: str, count: int) -> dict[str, Any]:
        before_ns = self._usage_ns(len(self._durations(max(1, count // 10))))
        durations = self._durations(count)
        used_ns = self._usage_ns(count) - before_ns
        return {"durations": durations} if do == "durations" else summary(used_ns, durations)

    def _durations(self, count: int) -> list[int]:
        """How long so many requests took in nanoseconds; each connection has its share of them."""
        places = range(len(self._connections))
        if len(places) == 1:
            return self._share(0, count)
        shares = [count // len(places) + (place < count % len(places)) for place in places]
        with ThreadPoolExecutor(len(places)) as pool:
            return [duration for part in pool.map(self._share, places, shares) for duration in part]

    def _share(self, place: int, count: int) -> list[int]:
        return [self._timed(place) for _ in range(count)]

    def _timed(self, place: int) -> int:
        started_ns = perf_counter_ns()
        self._get("/", place)
        return perf_counter_ns() - started_ns

    def _usage_ns(self, requests: int) -> int:
        answer = json.loads(self._get(f"/usage/?requests={requests}&asked={self._asked}"))
        self._asked = 1
        used_ns: int = answer["used_ns"]
        return used_ns

    def _get(self, path: str, place: int = 0) -> bytes:
        self._connections[place].request("GET", path)
        response = self._connections[place].getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise self._failure(f"answered {response.status} to {path}")
        return body

    def _failure(self, text: str) -> BenchmarkError:
        return BenchmarkError(f"{self.name} {text}:\n{self._log.read_text(errors='replace')}")

    def stop(self) -> None:
        """Close the connections, and end the server."""
        for connection in self._connections:
            connection.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_server(python: str, name: str, subject: Subject, place: Place) -> Iterator[Server]:
    """A subject behind a server, with a temporary database file."""
    with TemporaryDirectory(prefix="benchmarks") as directory, socket.create_server(("127.0.0.1", 0)) as listening:
        # Accepted sockets inherit it; otherwise responses wait for acknowledgements, which the client delays by 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        log = Path(directory, "log")
        variables = {
            "BENCHMARKS_TOOLS": json.dumps(subject.tools),
            "BENCHMARKS_DATABASE": json.dumps(_database(directory, place)),
            STORE: f"sqlite:///{directory}/signals.sqlite3",
        }
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                place.command(python, listening.fileno()),
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=environment(**variables),
                pass_fds=[listening.fileno()],
            )
        port, titled = listening.getsockname()[1], f"{name} ({place.title})"
        server = Server(titled, process, log, port, place.connections)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _database(directory: str, place: Place) -> dict[str, Any]:
    options: dict[str, Any] = {"NAME": str(Path(directory, "db.sqlite3"))}
    if place.closes:
        options["CONN_MAX_AGE"] = 0
    if place.connections > 1:
        options["ENGINE"] = "benchmarks.shop.copies"
    return options
