"""The task queue: the broker in a directory, and the worker that works from it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection, Exchange, Queue

from demo.broker import SCHEME, options
from demo.celery import app, tell_readiness
from demo.home.browser import Browser
from demo.tests.running import PATIENCE_SECONDS, ROOT, Demo, eventually
from demo.tests.working import Worker

MESSAGES, WRITERS = 40, 3
QUEUE = Queue("numbers", Exchange("numbers"), routing_key="numbers")
WRITE = """
import sys
from pathlib import Path
from kombu import Connection, Exchange, Queue
from demo.broker import SCHEME, options

directory, writer, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
queue = Queue("numbers", Exchange("numbers"), routing_key="numbers")
with Connection(f"{SCHEME}://localhost", transport_options=options(directory)) as connection:
    with connection.SimpleQueue(queue) as numbers:
        for number in range(count):
            numbers.put([writer, number])
"""


def start_writer(directory: Path, writer: int) -> subprocess.Popen[bytes]:
    """Queue messages, from a process of its own."""
    line = [sys.executable, "-c", WRITE, str(directory), str(writer), str(MESSAGES)]
    return subprocess.Popen(line, cwd=ROOT)


def read(directory: Path, count: int) -> list[tuple[int, int]]:
    """Take so many messages out of the queue."""
    received: list[tuple[int, int]] = []
    deadline = time.monotonic() + PATIENCE_SECONDS

    with (
        Connection(f"{SCHEME}://localhost", transport_options=options(directory)) as connection,
        connection.SimpleQueue(QUEUE) as numbers,
    ):
        while len(received) < count:
            assert time.monotonic() < deadline, received
            with suppress(numbers.Empty):
                message = numbers.get(timeout=1)
                received.append(tuple(message.payload))
                message.ack()
    return received


def test_processes_write_while_another_reads(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, number) for number in range(WRITERS)]
    received = read(tmp_path, MESSAGES * WRITERS)
    assert [writer.wait(PATIENCE_SECONDS) for writer in writers] == [0] * WRITERS
    assert sorted(received) == [(writer, number) for writer in range(WRITERS) for number in range(MESSAGES)]
    assert list((tmp_path / "messages").iterdir()) == []
    table = json.loads((tmp_path / "control" / "numbers.exchange").read_text())
    assert table == [["numbers", "", "numbers"]]


def test_messages_keep_their_order(tmp_path: Path) -> None:
    assert start_writer(tmp_path, 0).wait(PATIENCE_SECONDS) == 0
    assert [number for _, number in read(tmp_path, MESSAGES)] == list(range(MESSAGES))


def test_every_app_has_its_tasks_in_the_worker() -> None:
    app.loader.import_default_modules()
    assert {
        "demo.application.tasks.do_some_task",
        "demo.marketing.tasks.add_cohort_slug_as_acp_tag",
        "demo.marketing.tasks.add_cohort_task_to_student",
        "demo.movies.tasks.notify_of_new_search_term",
    } <= set(app.tasks)


def test_readiness_is_told_only_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_WORKER_READY_FILE", raising=False)
    tell_readiness()
    monkeypatch.setenv("DEMO_WORKER_READY_FILE", str(tmp_path / "ready"))
    tell_readiness()
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


def test_worker_ends_when_asked_and_logs_no_error(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.run("from demo.application.tasks import do_some_task; do_some_task.delay()")
    worker.wait_for_rows("SELECT task_id FROM application_finishedtask")
    assert worker.end() == 0
    assert "Traceback" not in worker.log
    assert "ERROR" not in worker.log


def test_another_broker_is_used_when_it_is_named(start: Callable[..., Demo], redis_server: str) -> None:
    browser = Browser(start("--no-traffic", CELERY_BROKER_URL=redis_server).wait_for_url())
    browser.get("/tasks/")
    browser.post("/tasks/queue/")
    assert eventually(lambda: "in process" in browser.get("/tasks/").text)
