"""What the SDK complains of passes once a minute, and says how often it was held back; all else passes."""

from __future__ import annotations

import functools
import importlib
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from signal_monitor.telemetry import quiet
from tests.support.servers import ROOT

LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"  # it has no filter of the SDK's


@pytest.mark.parametrize("name", quiet.LOGGERS)
def test_loggers_are_those_of_the_sdk(name: str) -> None:
    loggers = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, logging.Logger)]

    assert logging.getLogger(name) in loggers


class Said(logging.Handler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def unquieted() -> Iterator[None]:
    """Takes off the filter that this process may have on, and puts it back."""
    before = {name: list(logging.getLogger(name).filters) for name in quiet.LOGGERS}
    quiet.restore()
    yield
    for name, filters in before.items():
        logging.getLogger(name).filters[:] = filters


@pytest.fixture
def said() -> Iterator[Said]:
    """Hears what the logger says."""
    handler = Said()
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def complain(attempt: int) -> None:
    logging.getLogger(LOGGER).warning("Attempt %d failed", attempt)


def test_message_that_comes_again_says_how_many_were_held_back() -> None:
    repetitions = quiet.Repetitions()
    record = functools.partial(logging.LogRecord, "sdk", logging.WARNING, "exporter.py", 7, "%d%% lost", exc_info=None)
    first, second, third, fourth = (record(args=(number,)) for number in range(4))

    assert [repetitions.filter(item) for item in (first, second, third)] == [True, False, False]
    repetitions.seconds = 0.0
    assert repetitions.filter(fourth)
    assert (first.getMessage(), fourth.getMessage()) == ("0% lost", "3% lost (and 2 more like it)")


def test_messages_of_other_lines_pass() -> None:
    repetitions = quiet.Repetitions()
    records = [logging.LogRecord("sdk", logging.WARNING, "exporter.py", line, "lost", (), None) for line in (1, 2)]

    assert [repetitions.filter(record) for record in records] == [True, True]


@pytest.mark.usefixtures("unquieted")
def test_quieten_holds_back_until_restored(said: Said) -> None:
    quiet.quieten()
    quiet.quieten()
    for attempt in range(3):
        complain(attempt)
    held_back = len(said.messages)
    quiet.restore()
    complain(3)

    assert (held_back, len(said.messages)) == (1, 2)


FORKED = """
import logging, os, threading
from signal_monitor.telemetry import quiet

locked = threading.Event()
logger = logging.getLogger(quiet.LOGGERS[0])
quiet.quieten()
repetitions = logger.filters[0]
holder = threading.Thread(target=lambda: (repetitions._lock.acquire(), locked.set(), threading.Event().wait()))
holder.daemon = True
holder.start()
locked.wait()
child = os.fork()
if not child:
    logger.warning("heard")
    os._exit(0)
os.waitpid(child, 0)
"""


def test_forked_child_does_not_wait_for_a_lock_that_nobody_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert done.stderr == "heard\n"
