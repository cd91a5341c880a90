"""A test runner that writes down what became of each test, what it said, and how far the run is.

A worker process tells the main one what became of its tests, as Django has it. Of log records, warnings and dispatches
the main process learns nothing: every process keeps a journal of these.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import unittest
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner, ParallelTestSuite, RemoteTestResult, RemoteTestRunner

INSTRUMENTED = bool(os.environ.get("CONFORMANCE_INSTRUMENT"))
# What differs between two runs of anything: addresses and process ids.
VOLATILE = re.compile(r"0x[0-9a-fA-F]+|pid=\d+")


def write(name: str, content: object) -> None:
    """Write a file of the run, to the directory that CONFORMANCE_DIRECTORY names; no reader sees half of it."""
    file = Path(os.environ["CONFORMANCE_DIRECTORY"], name)
    part = file.with_suffix(f".part-{os.getpid()}")
    part.write_text(json.dumps(content))
    part.replace(file)


class Journal:
    """Listens to one process, test by test."""

    def __init__(self) -> None:
        self._said: dict[str, Counter[str]] = {}
        self._observed: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._current: Counter[str] | None = None
        self._started = 0.0

    def start(self) -> None:
        """A test begins."""
        self._current = Counter()
        self._started = time.perf_counter()

    def stop(self, test_id: str) -> None:
        """A test has ended."""
        app = test_id.partition(".")[0]
        self._seconds[app] += time.perf_counter() - self._started
        self._observed[app] += take_observed()
        if self._current:
            self._said.setdefault(test_id, Counter()).update(self._current)
        self._current = None

    def say(self, line: str) -> None:
        """Note a log record or a warning of the test that runs."""
        if self._current is not None:
            self._current[VOLATILE.sub("...", line)] += 1

    def write(self) -> None:
        """Write all so far; worker processes are killed in the end, so that there is no better moment."""
        content = {"said": self._said, "observed": self._observed, "seconds": self._seconds}
        write(f"journal-{os.getpid()}", {**content, **about_monitor()})


def take_observed() -> int:
    """How many dispatches were observed since the last time; none stays queued, as with a worker that keeps up."""
    if not INSTRUMENTED:
        return 0
    from signal_monitor.instrumentation.record_queue import record_queue

    observed = len(record_queue) + record_queue.dropped
    record_queue.clear()
    return observed


def about_monitor() -> dict[str, dict[str, int]]:
    """Which path the monitor takes in this process, and how often it failed, by the last place where it did."""
    if not INSTRUMENTED:
        return {"paths": {}, "faults": {}}
    from signal_monitor.errors import errors
    from signal_monitor.instrumentation.hooks import hooks

    path = "plans" if hooks.uses_plans else "no-plans"
    return {"paths": {path: 1}, "faults": {str(errors.last): errors.count} if errors.count else {}}


journal = Journal()


def listen() -> None:
    """Have all log records and shown warnings noted, wherever they go then."""
    make_record, show_warning = logging.getLogRecordFactory(), warnings.showwarning

    def note_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        # The template, not the text: to format it would call code of the tests.
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__qualname__
        error = record.exc_info[0].__qualname__ if record.exc_info and record.exc_info[0] else ""
        journal.say(f"{record.levelname} {record.name} in {record.funcName}: {template} {error}".strip())
        return record

    def note_warning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *args: Any, **kwargs: Any
    ) -> None:
        journal.say(f"{category.__name__} at {Path(filename).name}:{lineno}: {message}")
        show_warning(message, category, filename, lineno, *args, **kwargs)

    logging.setLogRecordFactory(note_record)
    warnings.showwarning = note_warning


class RecordingResult(unittest.TextTestResult):
    """The text result, with the ids of the tests that were started, in any process."""

    # Whether the tests run in other processes, which keep journals of their own.
    replays = False
    total = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started: list[str] = []
        self._told_at = 0.0

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        self.started.append(test.id())
        self._tell_progress()
        super().startTest(test)
        if not self.replays:
            journal.start()

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        if not self.replays:
            journal.stop(test.id())
        super().stopTest(test)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if now - self._told_at > 0.5:
            self._told_at = now
            write("progress", {"done": len(self.started), "total": self.total, "test": self.started[-1]})

    def outcomes(self) -> dict[str, str]:
        """What became of each test, by id; failed subtests and broken fixtures stand under ids of their own."""
        return {
            **dict.fromkeys(self.started, "passed"),
            **{test.id(): "skipped" for test, _ in self.skipped},
            **{test.id(): "failed as expected" for test, _ in self.expectedFailures},
            **{test.id(): "passed unexpectedly" for test in self.unexpectedSuccesses},
            **{test.id(): "failed" for test, _ in self.failures},
            **{test.id(): "broke" for test, _ in self.errors},
        }

    def tracebacks(self) -> dict[str, str]:
        """Why tests failed, by id."""
        return {test.id(): text for test, text in [*self.failures, *self.errors]}


class JournalingRemoteResult(RemoteTestResult):
    """What a worker process tells the main one, and what it notes itself."""

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().startTest(test)
        journal.start()

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        journal.stop(test.id())
        super().stopTest(test)


class JournalingRemoteRunner(RemoteTestRunner):
    """Runs tests in one of several processes."""

    resultclass = JournalingRemoteResult

    def run(self, test: unittest.TestSuite) -> Any:
        result = super().run(test)
        journal.write()
        return result


class JournalingSuite(ParallelTestSuite):
    """Tests in several processes."""

    runner_class = JournalingRemoteRunner


class RecordingRunner(DiscoverRunner):
    """Django's runner, writing down outcomes."""

    parallel_test_suite = JournalingSuite

    def get_resultclass(self) -> type[RecordingResult]:
        return RecordingResult

    def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> RecordingResult:
        RecordingResult.total = suite.countTestCases()
        RecordingResult.replays = isinstance(suite, JournalingSuite)
        result = super().run_suite(suite, **kwargs)
        assert isinstance(result, RecordingResult)
        write("outcomes", {"outcomes": result.outcomes(), "tracebacks": result.tracebacks()})
        journal.write()
        return result


listen()
