"""Run Django's own tests plain and under the monitor, and compare what became of each.

    python -m tests.conformance.run                            the installed Django, its dispatch and signals tests
    python -m tests.conformance.run --django 6.0               the newest 6.0, in a virtual environment of its own
    python -m tests.conformance.run --apps dispatch auth_tests --parallel 4
    python -m tests.conformance.run --plain                    without the monitor: what Django's tests do by themselves

The tests are in Django's sdist, which pip downloads once into the user's cache directory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CHILD = Path(__file__).resolve().parent / "child"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-signal-monitor" / "conformance"
APPS = ("dispatch", "signals")
# What is ours alone, and would turn Django's warnings into errors or its settings into ours.
PRIVATE_ENVIRONMENT = {"PYTHONDEVMODE", "PYTHONWARNINGS", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST"}


class ConformanceError(Exception):
    """The comparison cannot be made; the text says why."""


class SdistUnavailableError(ConformanceError):
    """Django's sdist cannot be had, most likely for lack of a network."""


@dataclass(frozen=True)
class Run:
    """One run of Django's tests: outcomes by test id, and the number of dispatches observed."""

    outcomes: dict[str, str]
    observed: int
    output: str

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(self.outcomes.values()).most_common())
        return f"{len(self.outcomes)} tests ({counts}), {self.observed} dispatches observed"


def newest(paths: Sequence[Path]) -> Path | None:
    """The path with the highest version in its name."""
    return max(
        paths, key=lambda path: [int(part) for part in _version(path).split(".") if part.isdigit()], default=None
    )


def _version(sdist: Path) -> str:
    return sdist.name.lower().removeprefix("django-").removesuffix(".tar.gz")


def fetch_sdist(version: str) -> Path:
    """Django's sdist for a version (5.2.19) or the newest of a series (5.2); raises SdistUnavailableError."""
    CACHE.mkdir(parents=True, exist_ok=True)
    is_series = version.count(".") == 1 and version.replace(".", "").isdigit()
    pattern = f"[dD]jango-{version}.*tar.gz" if is_series else f"[dD]jango-{version}.tar.gz"
    if cached := newest(list(CACHE.glob(pattern))):
        return cached
    requirement = f"Django~={version}.0" if is_series else f"Django=={version}"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "django", requirement]
    result = subprocess.run([*download, "--dest", CACHE], capture_output=True, text=True, check=False)
    found = newest(list(CACHE.glob(pattern)))
    if result.returncode or found is None:
        raise SdistUnavailableError(f"pip cannot download the sdist of {requirement}:\n{result.stderr.strip()}")
    return found


def unpack(sdist: Path, directory: Path) -> Path:
    """Unpack an sdist; answers the directory of Django's tests."""
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    (tests,) = directory.glob("*/tests/runtests.py")
    return tests.parent


def environment_for(sdist: Path) -> Path:
    """The Python of a virtual environment, made on first use, with that Django and what the monitor needs."""
    directory = CACHE / f"venv-{_version(sdist)}-{sys.implementation.cache_tag}"
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "tblib",
        sdist,
        "--editable",
        ROOT,
    ]
    result = subprocess.run(install, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ConformanceError(f"pip cannot install {sdist.name} on {sys.version.split()[0]}:\n{result.stderr.strip()}")
    return python


def run_tests(
    tests: Path, apps: Sequence[str], *, python: Path | str = sys.executable, instrumented: bool, parallel: int = 1
) -> Run:
    """Run the tests of some of Django's test apps; raises ConformanceError when none was run."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {name: value for name, value in os.environ.items() if name not in PRIVATE_ENVIRONMENT}
        environment["PYTHONPATH"] = os.pathsep.join([str(CHILD), str(ROOT)])
        environment["CONFORMANCE_DIRECTORY"] = directory
        if instrumented:
            environment["CONFORMANCE_INSTRUMENT"] = "1"
        command = [
            python,
            "runtests.py",
            "--settings=conformance_settings",
            f"--parallel={parallel}",
            "--noinput",
            *apps,
        ]
        result = subprocess.run(
            command,
            cwd=tests,
            env=environment,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return _collect(Path(directory), result.stdout)


def _collect(directory: Path, output: str) -> Run:
    written = directory / "outcomes"
    if not written.exists():
        raise ConformanceError(f"Django's tests did not run:\n{output}")
    observed = sum(json.loads(path.read_text()) for path in directory.glob("observed-*"))
    return Run(json.loads(written.read_text()), observed, output)


def differences(plain: Run, instrumented: Run) -> list[str]:
    """What the monitor changed, one line per test; a monitor that observed nothing is a difference too."""
    lines = []
    for test in sorted(plain.outcomes.keys() | instrumented.outcomes.keys()):
        before, after = (run.outcomes.get(test, "not run") for run in (plain, instrumented))
        if before != after:
            lines.append(f"{test}: {before} plain, {after} instrumented")
    if not instrumented.observed:
        lines.append("no dispatch was observed in the instrumented run")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and answer the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _compare(options)
    except ConformanceError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--django", metavar="VERSION", help="as 5.2.19, or 5.2 for the newest of these")
    parser.add_argument(
        "--apps", nargs="+", default=APPS, metavar="APP", help="labels for runtests.py; all: every test"
    )
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="processes to run the tests in")
    parser.add_argument("--plain", action="store_true", help="run the tests without the monitor, and compare nothing")
    return parser


def _compare(options: argparse.Namespace) -> int:
    sdist = fetch_sdist(options.django or installed_django())
    python = environment_for(sdist) if options.django else sys.executable
    apps = [] if options.apps == ["all"] else options.apps
    with tempfile.TemporaryDirectory() as directory:
        tests = unpack(sdist, Path(directory))
        plain = run_tests(tests, apps, python=python, instrumented=False, parallel=options.parallel)
        print(f"Django {_version(sdist)}, plain:        {plain}")
        if options.plain:
            print(plain.output)
            return 0
        instrumented = run_tests(tests, apps, python=python, instrumented=True, parallel=options.parallel)
    print(f"Django {_version(sdist)}, instrumented: {instrumented}")
    changed = differences(plain, instrumented)
    print("\n".join(changed) or "no test tells the difference")
    if changed:
        print(instrumented.output)
    return 1 if changed else 0


def installed_django() -> str:
    """The version of the Django of this environment."""
    import django

    return django.get_version()


if __name__ == "__main__":
    sys.exit(main())
