"""Django's sdists, which have its tests in them, and virtual environments to run these in."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

from .errors import ConformanceError, SdistUnavailableError

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-signal-monitor" / "conformance"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def installed_django() -> str:
    """The version of the Django of this environment."""
    import django

    return django.get_version()


def version_of(sdist: Path) -> str:
    """The version in an sdist's name."""
    return sdist.name.lower().removeprefix("django-").removesuffix(".tar.gz")


def newest(sdists: Sequence[Path]) -> Path | None:
    """The sdist with the highest version in its name."""
    return max(
        sdists, key=lambda sdist: [int(part) for part in version_of(sdist).split(".") if part.isdigit()], default=None
    )


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
    directory = CACHE / f"venv-{version_of(sdist)}-{sys.implementation.cache_tag}"
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    wanted = ["--requirement", str(REQUIREMENTS), str(sdist), "--editable", str(ROOT)]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    result = subprocess.run(install, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ConformanceError(f"pip cannot install {sdist.name} on {sys.version.split()[0]}:\n{result.stderr.strip()}")
    return python
