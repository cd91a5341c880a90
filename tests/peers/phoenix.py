"""A real Phoenix (arize-phoenix on PyPI): it takes spans over OTLP, and gives back through its API what it has kept.

It lives in a virtual environment of its own, as it wants other versions of OpenTelemetry than we do.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.support.servers import unavailable, wait_until

REQUIREMENT = "arize-phoenix>=20"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-signal-monitor" / "phoenix"
INSTALL_SECONDS = 1800
START_SECONDS = 180
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Phoenix:
    """A running Phoenix."""

    url: str
    grpc_endpoint: str

    def endpoint(self, protocol: str) -> str:
        """What an exporter for "http" or "grpc" wants as OTEL_EXPORTER_OTLP_ENDPOINT."""
        return self.url if protocol == "http" else self.grpc_endpoint

    def spans(self, project: str) -> list[dict[str, Any]]:
        """The spans of a project, which comes to be with its first span."""
        try:
            # A page takes 1000 spans at most, far more than a test sends.
            with urlopen(f"{self.url}/v1/projects/{project}/spans?limit=1000", timeout=30) as response:  # noqa: S310 - the Phoenix that the test started
                return json.load(response)["data"]  # type: ignore[no-any-return]
        except HTTPError as error:
            if error.code != 404:
                raise
            return []


@contextmanager
def running_phoenix(tell: Callable[[str], None]) -> Iterator[Phoenix]:
    """A Phoenix that runs while the block does, and leaves nothing behind; tells of what takes minutes."""
    python = _find_python(tell)
    with tempfile.TemporaryDirectory(prefix="phoenix-") as name, _serving(python, Path(name)) as phoenix:
        yield phoenix


@contextmanager
def _serving(python: str, directory: Path) -> Iterator[Phoenix]:
    log_path = directory / "phoenix.log"
    grpc_port = _unused_port()
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [python, "-m", "phoenix.server.main", "serve"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=_environment(directory, grpc_port),
            cwd=directory,
        ) as process,
    ):
        try:
            yield Phoenix(_wait_for_url(process, log_path), f"http://127.0.0.1:{grpc_port}")
        finally:
            _stop(process)


def _unused_port() -> int:
    """A port that was free a moment ago: for gRPC, Phoenix cannot choose one itself and say which."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _environment(directory: Path, grpc_port: int) -> dict[str, str]:
    """What keeps Phoenix to itself: nothing of ours reaches it, and it asks for nothing on the network."""
    ours = ("COVERAGE_", "OTEL_", "PHOENIX_", "PYTHON")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": "0",
        "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_LOG_MIGRATIONS": "false",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    }


def _wait_for_url(process: subprocess.Popen[bytes], log_path: Path) -> str:
    """Where Phoenix answers, which its server says when everything else, gRPC too, is up."""

    def find() -> re.Match[str] | None:
        return re.search(r"Uvicorn running on (http://[\d.]+:\d+)", log_path.read_text(errors="replace"))

    wait_until(lambda: process.poll() is not None or find() is not None, START_SECONDS)
    found = find()
    assert found is not None, f"Phoenix does not start:\n{log_path.read_text(errors='replace')}"
    return found[1]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _find_python(tell: Callable[[str], None]) -> str:
    """A Python that has Phoenix: the one that PHOENIX_PYTHON names, or that of an environment made for it once."""
    if named := os.environ.get("PHOENIX_PYTHON"):
        return named
    directory = CACHE / f"venv-{sys.implementation.cache_tag}"
    python = directory / "bin" / "python"
    if not python.exists():
        tell(f"Installing {REQUIREMENT} (some 800 MB) into {directory}, once...")
        venv.create(directory, with_pip=True)
    _install(python)
    return str(python)


def _install(python: Path) -> None:
    """Install Phoenix, unless it is there; skips the tests where pip gets no connection."""
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
    result = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if result.returncode == 0:
        return
    if "connection broken by" in result.stderr:
        unavailable(f"{REQUIREMENT} needs a network to be installed; PHOENIX_PYTHON can name a Python that has it")
    pytest.fail(f"pip cannot install {REQUIREMENT} into {python.parent.parent}:\n{result.stderr}")
