"""The benchmarks run, prove what they measured, and write what they found; no test asserts a time."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import command, page, registry, requests, targets
from benchmarks.children import BenchmarkError, running_children
from benchmarks.places import COMPARED, FURTHER, SERVERS
from benchmarks.report import Result
from benchmarks.rounds import Samples, Task
from benchmarks.scenarios import SCENARIOS
from benchmarks.subjects import ANSWERING, CONTROL, SENDING, VANILLA, Subject
from benchmarks.tools.monitor import Monitor
from signal_monitor import uninstrument

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


class DeafMonitor(Monitor):
    """Is there, and observes nothing."""

    def check(self) -> None:
        super().check()
        uninstrument()


class DroppingMonitor(Monitor):
    """Has room for one dispatch."""

    queue_size = 1


def benchmark(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def results_of(path: Path) -> dict[str, Any]:
    (result,) = json.loads(path.read_text())
    return dict(result)


def installed(subjects: dict[str, Subject]) -> dict[str, Subject]:
    return {name: subject for name, subject in subjects.items() if all(map(importlib.util.find_spec, subject.requires))}


def samples_of(numbers: dict[str, list[float]], scenario: str = "caching-1", clock: str = "hot") -> Samples:
    samples = Samples()
    for subject, values in numbers.items():
        for value in values:
            samples.add(Task(scenario, subject, "batch", {}), {clock: value})
    return samples


@pytest.fixture(scope="module")
def overhead(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The results of all subjects in all scenarios, each with a few sends, and the page."""
    directory = tmp_path_factory.mktemp("overhead")
    options = ["--rounds", "1", "--sends", "20", "--json", str(directory / "json"), "--write", str(directory / "page")]
    ended = benchmark("overhead", *options)
    assert ended.returncode == 0, ended.stderr
    return results_of(directory / "json"), (directory / "page").read_text()


def test_overhead_measures_a_few(tmp_path: Path) -> None:
    path, subjects, scenarios = tmp_path / "json", [VANILLA, "untraced", "sampled"], ["caching-1", "plain-1"]
    options = [
        "--rounds",
        "1",
        "--sends",
        "20",
        "--json",
        str(path),
        "--subjects",
        *subjects,
        "--scenarios",
        *scenarios,
    ]
    ended = benchmark("overhead", *options)
    assert ended.returncode == 0, ended.stderr
    measured = {(row["scenario"], row["subject"]) for row in results_of(path)["results"]}
    assert measured >= {(scenario, subject) for scenario in scenarios for subject in subjects}


@pytest.mark.matrix
def test_overhead_measures_every_subject_in_every_scenario(overhead: tuple[dict[str, Any], str]) -> None:
    measured = {(row["scenario"], row["subject"], row["clock"]) for row in overhead[0]["results"]}
    wanted = {
        (scenario.name, name, clock)
        for scenario in SCENARIOS.values()
        for name, subject in installed(SENDING).items()
        if subject.group == scenario.group
        for clock in ("hot", "all-in")
    }
    assert measured == wanted | {("memory", "untraced", "bytes"), ("memory", "sampled", "bytes")}


@pytest.mark.matrix
def test_overhead_judges_every_target(overhead: tuple[dict[str, Any], str]) -> None:
    judged = {row["target"]: row["scenario"] for row in overhead[0]["targets"]}
    assert list(judged) == [target.title for target in targets.SENDING]
    if installed(SENDING) == SENDING:
        assert all(judged.values()), f"not measured: {[name for name, scenario in judged.items() if not scenario]}"


@pytest.mark.matrix
def test_overhead_writes_versions_and_subjects_on_the_page(overhead: tuple[dict[str, Any], str]) -> None:
    results, text = overhead
    assert f"Django {results['versions']['distributions']['Django']}" in text
    assert all(subject.title in text for subject in installed(SENDING).values())


@pytest.mark.parametrize("place", requests.PLACES)
def test_requests_measures_every_subject(place: str, tmp_path: Path) -> None:
    if place in SERVERS and not SERVERS[place].is_installed(sys.executable):
        pytest.skip(f"{place} is not installed")
    path = tmp_path / "json"
    ended = benchmark("requests", "--rounds", "1", "--requests", "8", "--scenarios", place, "--json", str(path))
    assert ended.returncode == 0, ended.stderr
    measured = {(row["scenario"], row["subject"], row["clock"]) for row in results_of(path)["results"]}
    subjects = COMPARED if place in FURTHER else installed(ANSWERING)
    assert measured == {(place, name, clock) for name in subjects for clock in ("cpu", "p50", "p99")}


def test_requests_passes_over_servers_that_are_not_installed(tmp_path: Path) -> None:
    options = argparse.Namespace(scenarios=None, write=tmp_path)
    assert requests.places(str(tmp_path / "python"), options) == ["in process"]


@pytest.mark.parametrize(
    ("tool", "said"),
    [("DeafMonitor", "0 dispatches recorded instead of 5"), ("DroppingMonitor", "dispatches recorded instead of 5")],
)
def test_a_batch_that_was_not_recorded_fails(tool: str, said: str) -> None:
    subject = Subject("sabotaged", (f"tests.test_benchmarks:{tool}",))
    with (
        running_children(sys.executable, {"sabotaged": subject}) as children,
        pytest.raises(BenchmarkError, match=said),
    ):
        children["sabotaged"].ask("batch", scenario="caching-1", sends=5)


def test_requests_that_were_not_recorded_fail() -> None:
    subject = Subject("deaf", ("tests.test_benchmarks:DeafMonitor",))
    with (
        running_children(sys.executable, {"deaf": subject}) as children,
        pytest.raises(BenchmarkError, match="0 dispatches recorded instead of 20"),
    ):
        children["deaf"].ask("requests", count=2)


def test_the_command_fails_with_a_subject_and_writes_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(python: str, options: argparse.Namespace) -> Result:
        raise BenchmarkError("The subject 'deaf' failed")

    written = tmp_path / "page"
    options = command.parser("", SENDING, SCENARIOS).parse_args(["--write", str(written)])
    assert command.run(options, "benchmarks.overhead", (), measured) == 1
    assert "The subject 'deaf' failed" in capsys.readouterr().err
    assert not written.exists()


@pytest.mark.parametrize("part", [["--quick"], ["--subjects", "untraced"], ["--scenarios", "nested"]])
def test_the_page_is_not_overwritten_with_a_part(part: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = command.parser("", SENDING, SCENARIOS)
    assert command.parsed(parser, part).write is None
    with pytest.raises(SystemExit):
        command.parsed(parser, [*part, "--write"])
    assert "--write wants all" in capsys.readouterr().err


def test_a_subject_that_lacks_a_module_is_passed_over() -> None:
    subjects = {VANILLA: SENDING[VANILLA], "lacking": Subject("lacking", requires=("no_such_module",))}
    with running_children(sys.executable, subjects) as children:
        assert list(children) == [VANILLA]


def test_a_ratio_is_taken_inside_a_round() -> None:
    samples = samples_of({VANILLA: [1.0, 10.0, 100.0], "untraced": [2.0, 30.0, 200.0]})
    ratio = samples.ratio("caching-1", "untraced", "hot")
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 2.0, 2.5)


def test_a_target_is_judged_by_its_worst_scenario() -> None:
    samples = samples_of({VANILLA: [1.0], "untraced": [0.5]})
    for subject, value in ((VANILLA, 1.0), ("untraced", 1.25)):
        samples.add(Task("plain-1", subject, "batch", {}), {"hot": value})
    target = targets.Target("target", 1.0, ("caching-1", "plain-1"), targets.ratio("untraced", "hot"))
    (verdict,) = targets.judge([target], samples, optimized=False)
    assert (verdict.scenario, verdict.measured, verdict.missed_by) == ("plain-1", 1.25, 0.25)


def test_an_optimized_python_is_allowed_a_tenth_more() -> None:
    samples = samples_of({VANILLA: [1.0], "untraced": [1.05]})
    target = targets.Target("target", 1.0, ("caching-1",), targets.ratio("untraced", "hot"), eased=True)
    (strict,) = targets.judge([target], samples, optimized=False)
    (eased,) = targets.judge([target], samples, optimized=True)
    assert strict.missed_by
    assert not eased.missed_by


def test_what_adds_nothing_adds_infinitely_less() -> None:
    samples = samples_of({VANILLA: [1.0], "sampled": [1.0], "sentry": [9.0]})
    assert targets.times_less_added("sampled", "sentry", "hot")(samples, "caching-1") == math.inf


def test_times_less_added() -> None:
    samples = samples_of({VANILLA: [1.0], "sampled": [1.5], "sentry": [9.0]})
    assert targets.times_less_added("sampled", "sentry", "hot")(samples, "caching-1") == 16.0


def test_a_target_without_its_subject_is_not_measured() -> None:
    verdicts = targets.judge(targets.SENDING, samples_of({VANILLA: [1.0], CONTROL: [1.0]}), optimized=False)
    assert {verdict.measured for verdict in verdicts} == {None}


def test_the_page_keeps_hand_written_text_and_other_pairs(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("# Title\n\nBefore.\n\n<!-- bench -->\n\n## Why\n\nBecause.\n")
    page.write(path, "bench", "Python 3.11, Django 5.2", ["one"])
    page.write(path, "bench", "Python 3.13, Django 6.1", ["two"])
    page.write(path, "bench", "Python 3.11, Django 5.2", ["three"])
    assert path.read_text() == (
        "# Title\n\nBefore.\n\n<!-- bench -->\n\n"
        "<!-- bench: Python 3.11, Django 5.2 -->\n### Python 3.11, Django 5.2\n\nthree\n"
        "<!-- end of bench: Python 3.11, Django 5.2 -->\n\n"
        "<!-- bench: Python 3.13, Django 6.1 -->\n### Python 3.13, Django 6.1\n\ntwo\n"
        "<!-- end of bench: Python 3.13, Django 6.1 -->\n\n"
        "## Why\n\nBecause.\n"
    )


def test_the_page_keeps_the_other_benchmark_apart(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    page.write(path, "benchmarks.requests", "pair", ["of requests"])
    page.write(path, "benchmarks.overhead", "pair", ["of sends"])
    headings = [line for line in path.read_text().splitlines() if line.startswith(("## ", "of "))]
    assert headings == ["## Sends", "of sends", "## Requests", "of requests", "## Scale", "## Why targets are missed"]


def test_a_page_with_half_a_marker_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("<!-- bench: pair -->\nold\n")
    with pytest.raises(ValueError, match="without"):
        page.write(path, "bench", "pair", ["new"])
    assert path.read_text() == "<!-- bench: pair -->\nold\n"


@pytest.mark.parametrize("module", ["overhead", "requests", "registry", "latency", "scale"])
def test_the_commands_say_how_they_are_used(module: str) -> None:
    ended = benchmark(module, "--help")
    assert f"python -m benchmarks.{module}" in ended.stdout


def test_registry_measures_every_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(registry, "RECEIVERS", (20,))
    assert registry.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    assert all(f"| {title} " in printed for title, _per, _unit in registry.ROWS.values())
