"""The site under gunicorn, and a client with a persistent connection."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

from .children import ROOT, STOP_SECONDS, BenchmarkError, environment
from .rounds import summary
from .subjects import Subject

START_SECONDS = 30
# One worker with one thread; gunicorn's sync worker has no persistent connections.
OPTIONS = ("--workers", "1", "--worker-class", "gthread", "--threads", "1", "--keep-alive", "600", "--timeout", "600")


class Server:
    """A subject behind an HTTP connection."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._asked = 0

    def start(self) -> None:
        """Wait for the first answer."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._get("/")
            except OSError:
                self._connection.close()
                time.sleep(0.1)
            else:
                self._usage_ns(1)
                return
        raise self._failure("does not answer")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Run a command; there is only the one for requests."""
        count: int = {"requests": arguments}[do]["count"]
        warm_up = max(1, count // 10)
        for _ in range(warm_up):
            self._get("/")
        before_ns = self._usage_ns(warm_up)
        times = [self._timed() for _ in range(count)]
        return summary(self._usage_ns(count) - before_ns, times)

    def _timed(self) -> int:
        started_ns = perf_counter_ns()
        self._get("/")
        return perf_counter_ns() - started_ns

    def _usage_ns(self, requests: int) -> int:
        answer = json.loads(self._get(f"/usage/?requests={requests}&asked={self._asked}"))
        self._asked = 1
        used_ns: int = answer["used_ns"]
        return used_ns

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise self._failure(f"answered {response.status} to {path}")
        return body

    def _failure(self, text: str) -> BenchmarkError:
        return BenchmarkError(f"{self.name} under gunicorn {text}:\n{self._log.read_text(errors='replace')}")

    def stop(self) -> None:
        """Close the connection, and end the server."""
        self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_server(python: str, name: str, subject: Subject) -> Iterator[Server]:
    """A subject under gunicorn, with a temporary database file."""
    with TemporaryDirectory(prefix="benchmarks") as directory, socket.create_server(("127.0.0.1", 0)) as listening:
        # Accepted sockets inherit it; otherwise responses wait for acknowledgements, which the client delays by 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        log = Path(directory, "log")
        variables = {
            "BENCHMARKS_TOOLS": json.dumps(subject.tools),
            "BENCHMARKS_DATABASE": str(Path(directory, "db.sqlite3")),
        }
        command = [python, "-m", "gunicorn", *OPTIONS, "--bind", f"fd://{listening.fileno()}", "benchmarks.shop.wsgi"]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                command,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=environment(**variables),
                pass_fds=[listening.fileno()],
            )
        server = Server(name, process, log, listening.getsockname()[1])
        try:
            server.start()
            yield server
        finally:
            server.stop()
