"""Django's own tests of its dispatcher cannot tell that the monitor is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import run
from tests.servers import unavailable


@pytest.fixture(scope="module")
def django_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        sdist = run.fetch_sdist(run.installed_django())
    except run.SdistUnavailableError as error:
        unavailable(str(error))
    return run.unpack(sdist, tmp_path_factory.mktemp("django"))


@pytest.mark.timeout(300)
def test_dispatch_and_signals_tests_of_django_do_not_see_the_monitor(django_tests: Path) -> None:
    plain = run.run_tests(django_tests, run.APPS, instrumented=False)
    instrumented = run.run_tests(django_tests, run.APPS, instrumented=True)
    assert run.differences(plain, instrumented) == []
    assert set(instrumented.outcomes.values()) <= {"passed", "skipped"}


def test_differences_names_the_test_and_both_outcomes() -> None:
    plain = run.Run({"a": "passed", "b": "passed"}, observed=0, output="")
    instrumented = run.Run({"a": "failed", "c": "passed"}, observed=7, output="")
    assert run.differences(plain, instrumented) == [
        "a: passed plain, failed instrumented",
        "b: passed plain, not run instrumented",
        "c: not run plain, passed instrumented",
    ]


def test_differences_refuses_a_monitor_that_saw_nothing() -> None:
    same = run.Run({"a": "passed"}, observed=0, output="")
    assert run.differences(same, same) == ["no dispatch was observed in the instrumented run"]
