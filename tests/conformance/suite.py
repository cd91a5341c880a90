"""Django's tests in processes of their own: run, watched while they run, and read back as one ``Run``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from .errors import ConformanceError
from .sdist import ROOT

Mode: TypeAlias = Literal["plain", "plans", "no-plans"]

CHILD = Path(__file__).resolve().parent / "child"
# What is ours alone, and would turn Django's warnings into errors or its settings into ours.
PRIVATE_ENVIRONMENT = {"PYTHONDEVMODE", "PYTHONWARNINGS", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST"}
# A worker process that dies takes its tests along, and Django then waits for them for ever.
STALLED_AFTER_S = 900


@dataclass(frozen=True)
class Run:
    """What became of the tests of one run, by test id, and what they said in log records and warnings.

    Dispatches observed and seconds spent are by test app, faults of the monitor by place, and processes by the path
    that it took in them.
    """

    outcomes: dict[str, str]
    tracebacks: dict[str, str] = field(default_factory=dict)
    said: dict[str, dict[str, int]] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(self.outcomes.values()).most_common())
        return f"{len(self.outcomes)} tests ({counts}), {sum(self.observed.values())} dispatches observed"

    def save(self, file: Path, about: Mapping[str, object]) -> None:
        """Write the run, with what it is a run of."""
        file.write_text(json.dumps({"about": dict(about), **asdict(self)}))

    @classmethod
    def load(cls, file: Path, about: Mapping[str, object]) -> Run:
        """Read a run that was saved; raises ConformanceError where it is a run of something else."""
        try:
            content = json.loads(file.read_text())
            saved = content.pop("about")
        except (OSError, ValueError, KeyError) as error:
            raise ConformanceError(f"{file} is not a saved run: {error}") from error
        if saved != dict(about):
            raise ConformanceError(f"{file} is of another run: {saved}, not {dict(about)}")
        return cls(**content)


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    done: int = 0
    total: int = 0
    test: str = ""
    elapsed_s: float = 0.0


Watcher: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True)
class Suite:
    """Django's tests in a directory, and the Python to run them with."""

    tests: Path
    python: Path | str = sys.executable
    parallel: int = 1

    def run(self, labels: Sequence[str], mode: Mode, watch: Watcher = lambda _: None) -> Run:
        """Run the tests of these labels, or all if there are none; raises ConformanceError when none was run."""
        with tempfile.TemporaryDirectory(prefix="conformance-") as name:
            directory = Path(name)
            output = directory / "output"
            with output.open("wb") as stream:
                process = subprocess.Popen(
                    self._command(labels),
                    cwd=self.tests,
                    env=_environment(directory, mode),
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                try:
                    _wait(process, directory, watch)
                finally:
                    _end(process)
            return _collect(directory, _tail(output))

    def run_alone(self, label: str, mode: Mode) -> Run:
        """Run one test, class or module in one process."""
        return replace(self, parallel=1).run([label], mode)

    def _command(self, labels: Iterable[str]) -> list[str | Path]:
        # -Wall as in Django's own CI: otherwise a warning is shown once per process, in whichever test comes first.
        options = ["--settings=conformance_settings", f"--parallel={self.parallel}", "--noinput"]
        return [self.python, "-Wall", "runtests.py", *options, *labels]


def _environment(directory: Path, mode: Mode) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in PRIVATE_ENVIRONMENT}
    environment["PYTHONPATH"] = os.pathsep.join([str(CHILD), str(ROOT)])
    environment["CONFORMANCE_DIRECTORY"] = str(directory)
    if mode != "plain":
        environment["CONFORMANCE_INSTRUMENT"] = mode
    return environment


def _wait(process: subprocess.Popen[bytes], directory: Path, watch: Watcher) -> None:
    started = moved = time.monotonic()
    done = 0
    while True:
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            progress = _progress(directory, time.monotonic() - started)
            watch(progress)
        else:
            return
        if progress.done != done:
            done, moved = progress.done, time.monotonic()
        if time.monotonic() - moved > STALLED_AFTER_S:
            text = _tail(directory / "output")
            raise ConformanceError(f"Django's tests stand still since test {done}, {progress.test}:\n{text}")


def _progress(directory: Path, elapsed_s: float) -> Progress:
    written = directory / "progress"
    return Progress(**(json.loads(written.read_text()) if written.exists() else {}), elapsed_s=elapsed_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process of an interrupted run behind."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(output: Path, lines: int = 60) -> str:
    return "\n".join(output.read_text(errors="replace").splitlines()[-lines:])


def _collect(directory: Path, output: str) -> Run:
    written = directory / "outcomes"
    if not written.exists():
        raise ConformanceError(f"Django's tests did not run:\n{output}")
    run = Run(**json.loads(written.read_text()))
    journals = [json.loads(path.read_text()) for path in directory.glob("journal-*") if not path.suffix]
    # A test runs in one process only, an app in several.
    for journal in journals:
        run.said.update(journal["said"])
    return Run(
        run.outcomes,
        run.tracebacks,
        run.said,
        observed=_added(journals, "observed"),
        seconds=_added(journals, "seconds"),
        faults=_added(journals, "faults"),
        paths=_added(journals, "paths"),
    )


def _added(journals: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
    sums: defaultdict[str, Any] = defaultdict(int)
    for journal in journals:
        for key, value in journal[name].items():
            sums[key] += value
    return dict(sums)
