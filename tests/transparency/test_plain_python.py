"""Time limits where packages are below the standard library's directory."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.matrix import with_more

from .plain_python import executable, make_plain_python
from .processes import Outcomes, environment, run_program
from .scenario import Mode

WHERE = "import sysconfig, django; print(django.__file__.startswith(sysconfig.get_path('stdlib')))"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of such a Python."""
    return make_plain_python(tmp_path_factory.mktemp("python") / "home")


@pytest.fixture(scope="module")
def plain(environ: dict[str, str]) -> Outcomes:
    """The outcomes without the monitor."""
    return _outcomes("plain", environ)


@pytest.mark.parametrize("mode", with_more(["app"], ["bare"]))
def test_time_limits_are_not_lost(environ: dict[str, str], plain: Outcomes, mode: Mode) -> None:
    observed = _outcomes(mode, environ)

    assert [name for name, item in plain.items() if "failed" in item] == []
    different = [name for name, item in observed.items() if item != plain[name]]
    if different:  # once more, as in test_programs
        observed = _outcomes(mode, environ)
    assert {name: observed[name] for name in different if observed[name] != plain[name]} == {}


def _outcomes(mode: Mode, environ: dict[str, str]) -> Outcomes:
    return run_program(mode, "time_limits", python=executable(), **environ)


def test_packages_are_below_the_standard_library(environ: dict[str, str]) -> None:
    done = subprocess.run([executable(), "-c", WHERE], env=environment(**environ), capture_output=True, check=True)

    assert done.stdout.strip() == b"True"
