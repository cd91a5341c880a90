"""``benchmarks.scale`` runs, proves what it measured, and writes what it found; no test asserts a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scale_tables
from benchmarks.children import BenchmarkError, running_children
from benchmarks.rounds import Samples, Task
from benchmarks.scale_processes import running_together
from benchmarks.scale_rows import ROWS, Row
from benchmarks.subjects import SCALING, SHARING, VANILLA, Subject

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["receivers-10", "classes-100", "instances-100", "strings-100", "signals-100", "threads-4", "batches-10"]
OTHERS = ["memory-classes-100", "processes-1", "queue"]
DEAF = Subject("deaf", ("tests.test_benchmarks:DeafMonitor",))


@pytest.mark.slow
def test_scale_measures_each_kind_of_row(tmp_path: Path) -> None:
    path = tmp_path / "json"
    options = ["--rounds", "1", "--sends", "20", "--json", str(path), "--scenarios", *SMALL, *OTHERS]
    command = [sys.executable, "-m", "benchmarks.scale", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (result,) = json.loads(path.read_text())
    measured = {(row["scenario"], row["subject"]) for row in result["results"]}
    assert measured >= {(name, subject) for name in SMALL for subject in SCALING}
    assert {scenario for scenario, _subject in measured} == {*SMALL, *OTHERS}
    for title in ("10 receivers", "100 classes", "4 threads", "1 process", "WORKER_CPU_PERCENT"):
        assert title in ended.stdout


@pytest.mark.slow
def test_rows_that_were_not_recorded_fail() -> None:
    with (
        running_children(sys.executable, {"deaf": DEAF}) as children,
        pytest.raises(BenchmarkError, match="0 dispatches recorded instead of 5"),
    ):
        children["deaf"].ask("scale", row="classes-1", sends=5)


@pytest.mark.slow
def test_processes_have_all_recorded_into_one_store() -> None:
    with running_together(sys.executable, "stored", SHARING["stored"], 2) as together:
        assert together.ask("steady", seconds=1)["cpu"] > 0


@pytest.mark.slow
def test_processes_that_have_not_recorded_all_fail() -> None:
    with (
        running_together(sys.executable, "deaf", DEAF, 1) as together,
        pytest.raises(BenchmarkError, match="instead of 1000 dispatches"),
    ):
        together.ask("steady", seconds=1)


@pytest.mark.parametrize("name", ROWS)
def test_a_batch_has_full_shares(name: str) -> None:
    row = ROWS[name]
    for wanted in (1, 20, 5_000):
        sends = row.sends(wanted)
        assert sends > 0
        assert row.group != "threads" or sends % row.count == 0
        assert row.group not in {"classes", "instances", "strings", "signals"} or sends >= row.count


def test_titles_have_their_plural() -> None:
    assert [Row("classes", 1).title, Row("classes", 2).title, Row("threads", 1).title] == [
        "1 class",
        "2 classes",
        "1 thread",
    ]


def test_the_tables_have_only_what_was_measured() -> None:
    samples = Samples()
    numbers: dict[str, Any] = {VANILLA: 1_000, "control": 1_010, "untraced": 1_250}
    for subject, value in numbers.items():
        samples.add(Task("threads-4", subject, "scale", {}), {"hot": value, "all-in": 2 * value})
    text = scale_tables.lines(samples)
    assert [line for line in text if line.endswith(":")] == ["Threads that send at once, a send:"]
    assert any("| 4 threads | 1,000 ns" in line and "1.25 (1.25 to 1.25)" in line for line in text)
