"""A test runner that writes down what became of each test, and how many dispatches were observed.

Its files go to the directory that CONFORMANCE_DIRECTORY names.
"""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner, ParallelTestSuite, RemoteTestRunner


def write_observed() -> None:
    """Write how many dispatches this process has observed so far; nobody takes them out of the outbox here."""
    if os.environ.get("CONFORMANCE_INSTRUMENT"):
        from signal_monitor.instrumentation.outbox import outbox

        write(f"observed-{os.getpid()}", len(outbox) + outbox.dropped)


def write(name: str, content: object) -> None:
    """Write a file of the run."""
    Path(os.environ["CONFORMANCE_DIRECTORY"], name).write_text(json.dumps(content))


class RecordingResult(unittest.TextTestResult):
    """The text result, with the ids of the tests that were started, in any process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        self.started.append(test.id())
        super().startTest(test)

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


class CountingRemoteRunner(RemoteTestRunner):
    """Runs tests in one of several processes; these are killed in the end, so each count is written at once."""

    def run(self, test: unittest.TestSuite) -> Any:
        result = super().run(test)
        write_observed()
        return result


class CountingSuite(ParallelTestSuite):
    """Tests in several processes."""

    runner_class = CountingRemoteRunner


class RecordingRunner(DiscoverRunner):
    """Django's runner, writing down outcomes."""

    parallel_test_suite = CountingSuite

    def get_resultclass(self) -> type[RecordingResult]:
        return RecordingResult

    def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> RecordingResult:
        result = super().run_suite(suite, **kwargs)
        assert isinstance(result, RecordingResult)
        write("outcomes", result.outcomes())
        write_observed()
        return result
