"""Real workers with soft time limits, in a Python without a virtual environment: no limit is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.servers import ROOT, wait_until

from .plain_python import executable, make_plain_python
from .processes import environment

pytestmark = pytest.mark.peer

TASKS = 12
SECONDS = 1  # rq's limits are whole seconds
MODES = ["plain", "bare", "app"]
SEND = f"""
from tests.transparency.work import save
for number in range({TASKS}):
    save.apply_async((number,), soft_time_limit={SECONDS}, time_limit={SECONDS + 20})
"""
WORK = f"""
import sys
from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.timeouts import TimerDeathPenalty
from tests.transparency.work import save_until_struck

class InThread(SimpleWorker):
    death_penalty_class = TimerDeathPenalty

connection = Redis.from_url(sys.argv[1])
queue = Queue(sys.argv[3], connection=connection)
for number in range({TASKS} // 2):
    queue.enqueue(save_until_struck, number, job_timeout={SECONDS})
kind = {{"InThread": InThread, "SimpleWorker": SimpleWorker, "Worker": Worker}}[sys.argv[2]]
kind([queue], connection=connection).work(burst=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python without a virtual environment."""
    return make_plain_python(tmp_path_factory.mktemp("python") / "home")


@pytest.fixture
def environ(home: dict[str, str], tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """The environment of a worker in a mode."""
    return lambda mode: environment(PROGRAMS_MODE=mode, PROGRAMS_DIRECTORY=str(tmp_path), **home)


def ended(directory: Path) -> Counter[str]:
    """What has ended the tasks."""
    return Counter(path.read_text() for path in directory.glob("*.ended"))


@pytest.mark.parametrize("mode", MODES)
def test_celery(mode: str, environ: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    subprocess.run([executable(), "-c", SEND], env=environ(mode), cwd=ROOT, check=True)
    command = (
        "-m celery -A tests.transparency.work worker --pool prefork --concurrency 2 --without-gossip --without-mingle"
    )
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [executable(), *command.split()],
            env=environ(mode),
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            assert wait_until(lambda: ended(tmp_path).total() == TASKS, 60), (tmp_path / "log").read_text()
        finally:
            worker.terminate()
            with suppress(subprocess.TimeoutExpired):
                worker.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)

    assert ended(tmp_path) == {"SoftTimeLimitExceeded": TASKS}


@pytest.mark.parametrize("worker", ["Worker", "SimpleWorker", "InThread"])
@pytest.mark.parametrize("mode", MODES)
def test_rq(
    mode: str, worker: str, environ: Callable[[str], dict[str, str]], tmp_path: Path, redis_server: str
) -> None:
    pytest.importorskip("rq", reason="rq is not installed (pip install rq)")
    name = f"{mode}-{worker}-{time.monotonic_ns()}"
    command = [executable(), "-c", WORK, redis_server, worker, name]
    done = subprocess.run(
        command, env=environ(mode), cwd=ROOT, check=False, timeout=100, capture_output=True, text=True
    )

    assert ended(tmp_path) == {"JobTimeoutException": TASKS // 2}, done.stderr
