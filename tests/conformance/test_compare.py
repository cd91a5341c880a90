"""A difference is told with both sides; a flake is what varies without the monitor, or agrees when it is alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .compare import MOST_RERUN, REPEATS, busiest, complaints, differences, label_of, rerun
from .errors import ConformanceError
from .suite import Mode, Run

PASSED = Run({"app.T.test": "passed"})
FAILED = Run({"app.T.test": "failed"})
FOUND = differences(PASSED, FAILED)


def always(plain: Run, instrumented: Run) -> Callable[[str, Mode], Run]:
    """Answers the same runs whenever it is asked."""
    return lambda _, mode: plain if mode == "plain" else instrumented


def test_differences_names_the_test_and_both_outcomes() -> None:
    plain = Run({"a": "passed", "b": "passed"})
    instrumented = Run({"a": "failed", "c": "passed"})
    assert [str(difference) for difference in differences(plain, instrumented)] == [
        "a: passed plain, failed instrumented",
        "b: passed plain, not run instrumented",
        "c: not run plain, passed instrumented",
    ]


def test_differences_tells_what_only_one_of_them_said() -> None:
    plain = Run({"a": "passed"}, said={"a": {"WARNING one": 1, "WARNING both": 2}})
    instrumented = Run({"a": "passed"}, said={"a": {"WARNING both": 2}})
    assert [str(difference) for difference in differences(plain, instrumented)] == [
        "a: WARNING one (1 times) plain, nothing more instrumented"
    ]


def test_differences_counts_what_was_said() -> None:
    plain = Run({"a": "passed"}, said={"a": {"WARNING one": 1}})
    instrumented = Run({"a": "passed"}, said={"a": {"WARNING one": 2}})
    assert [str(difference) for difference in differences(plain, instrumented)] == [
        "a: WARNING one (1 times) plain, WARNING one (2 times) instrumented"
    ]


def test_differences_leaves_out_warnings_of_the_garbage_collector() -> None:
    said = Run({"a": "passed"}, said={"a": {"ResourceWarning at base.py:5: unclosed database": 1}})
    assert differences(Run({"a": "passed"}), said) == []


def test_complaints_refuses_a_monitor_that_saw_nothing() -> None:
    assert complaints(Run({"a": "passed"}, observed={"a": 0}), "plans") == [
        "no dispatch was observed in the instrumented run"
    ]


def test_complaints_names_the_faults_of_the_monitor() -> None:
    run = Run({"a": "passed"}, observed={"a": 1}, faults={"observation.leave: KeyError": 2})
    assert complaints(run, "plans") == ["the monitor failed 2 times, last in observation.leave: KeyError"]


def test_complaints_refuses_a_run_on_another_path() -> None:
    run = Run({"a": "passed"}, observed={"a": 1}, paths={"plans": 1, "no-plans": 2})
    assert complaints(run, "plans") == ["the monitor did not observe in the mode plans: does it not know this Django?"]


def test_busiest_is_the_app_with_most_dispatches_per_second() -> None:
    run = Run({}, observed={"slow": 100, "quick": 10, "quiet": 0}, seconds={"slow": 50.0, "quick": 0.5, "quiet": 1.0})
    assert busiest(run) == [("quick", 20.0), ("slow", 2.0)]


def test_rerun_keeps_a_difference_that_stays() -> None:
    verdict = rerun(FOUND, always(PASSED, FAILED), "plans")
    assert [str(judged) for judged in verdict.real] == [
        "app.T.test: passed plain, failed instrumented\n    alone: passed plain, failed instrumented"
    ]
    assert verdict.flakes == []


def test_rerun_takes_what_agrees_alone_for_a_flake() -> None:
    verdict = rerun(FOUND, always(PASSED, PASSED), "plans")
    assert verdict.real == []
    assert [judged.instrumented for judged in verdict.flakes] == [("passed",) * REPEATS]


def test_rerun_takes_what_varies_without_the_monitor_for_a_flake() -> None:
    plain = iter([PASSED, FAILED, PASSED])

    def run_alone(_: str, mode: Mode) -> Run:
        return next(plain) if mode == "plain" else FAILED

    verdict = rerun(FOUND, run_alone, "plans")
    assert verdict.real == []
    assert [judged.plain for judged in verdict.flakes] == [("passed", "failed", "passed")]


def test_rerun_keeps_an_outcome_that_stays_although_what_is_said_varies() -> None:
    def runs(outcome: str) -> Iterator[Run]:
        for count in range(1, REPEATS + 1):
            yield Run({"app.T.test": outcome}, said={"app.T.test": {"WARNING": count}})

    runs_of = {"plain": runs("passed"), "no-plans": runs("failed")}
    verdict = rerun(FOUND, lambda _, mode: next(runs_of[mode]), "no-plans")
    assert [judged.difference.aspect for judged in verdict.real] == ["outcome"]


def test_rerun_keeps_the_difference_of_a_test_that_does_not_run_alone() -> None:
    verdict = rerun(FOUND, always(Run({}), Run({})), "plans")
    assert len(verdict.real) == 1


@pytest.mark.parametrize("test_id", ["app.T.test (value=3)", "setUpClass (app.T)", "setUpModule (app)"])
def test_rerun_knows_that_a_subtest_or_fixture_without_an_id_has_passed(test_id: str) -> None:
    found = differences(PASSED, Run({"app.T.test": "passed", test_id: "broke"}))
    assert [str(difference) for difference in found] == [f"{test_id}: passed plain, broke instrumented"]
    assert len(rerun(found, always(PASSED, PASSED), "plans").flakes) == 1


def test_rerun_ends_somewhere() -> None:
    tests = [f"app.T.test_{number}" for number in range(MOST_RERUN + 1)]
    found = differences(Run(dict.fromkeys(tests, "passed")), Run(dict.fromkeys(tests, "failed")))
    verdict = rerun(found, lambda label, _: Run({label: "passed"}), "plans")
    assert len(verdict.flakes) == MOST_RERUN
    assert "not run again" in str(verdict.real[0])


@pytest.mark.parametrize(
    ("test_id", "label"),
    [
        ("app.tests.T.test_it", "app.tests.T.test_it"),
        ("app.tests.T.test_it (value=3) [3]", "app.tests.T.test_it"),
        ("setUpClass (app.tests.T)", "app.tests.T"),
        ("unittest.loader._FailedTest.app.tests", "app.tests"),
    ],
)
def test_label_of_is_what_django_runs(test_id: str, label: str) -> None:
    assert label_of(test_id) == label


def test_run_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    run = Run({"a": "passed"}, said={"a": {"WARNING": 1}}, observed={"a": 3})
    run.save(tmp_path / "run.json", {"django": "6.1.3"})
    assert Run.load(tmp_path / "run.json", {"django": "6.1.3"}) == run


def test_run_of_another_django_is_refused(tmp_path: Path) -> None:
    PASSED.save(tmp_path / "run.json", {"django": "6.0.10"})
    with pytest.raises(ConformanceError, match="is of another run"):
        Run.load(tmp_path / "run.json", {"django": "6.1.3"})


def test_run_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConformanceError, match="is not a saved run"):
        Run.load(tmp_path / "absent.json", {})
