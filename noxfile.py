"""The checks on every supported Python and Django; a session runs nothing that you could not type."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint", "types", "imports"]

PAIRS = [
    nox.param("3.11", "5.2", id="py3.11-django5.2"),
    nox.param("3.12", "5.2", id="py3.12-django5.2"),
    nox.param("3.12", "6.0", id="py3.12-django6.0"),
    nox.param("3.13", "6.0", id="py3.13-django6.0"),
    nox.param("3.12", "6.1", id="py3.12-django6.1"),
    nox.param("3.13", "6.1", id="py3.13-django6.1"),
]
CONFORMANCE_PAIRS = [
    nox.param("3.11", "5.2", id="django5.2"),
    nox.param("3.12", "6.0", id="django6.0"),
    nox.param("3.13", "6.1", id="django6.1"),
]


@nox.session
@nox.parametrize(["python", "django"], PAIRS)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests."""
    session.install("--editable", ".[test]", f"Django~={django}.0")
    session.run("python", "-m", "pytest", *session.posargs, env={"PYTHONDEVMODE": "1"})


@nox.session
@nox.parametrize(["python", "django"], CONFORMANCE_PAIRS)
def conformance(session: nox.Session, django: str) -> None:
    """Run all of Django's own tests plain and on both paths of the monitor, and compare; arguments narrow it down."""
    session.install("--editable", ".", f"Django~={django}.0", "--requirement", "tests/conformance/requirements.txt")
    session.run("python", "-m", "tests.conformance.run", "--apps", "all", "--path", "fast", "general", *session.posargs)


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff>=0.17,<0.18")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Check types."""
    session.install("--editable", ".[lint]")
    session.run("mypy")


@nox.session(python="3.11")
def imports(session: nox.Session) -> None:
    """Check which way imports go."""
    session.install("--editable", ".[lint]")
    session.run("lint-imports")
