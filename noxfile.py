"""The checks on every supported Python and Django; a session runs nothing that you could not type."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint", "types", "imports"]

DEVELOPMENT_MODE = {"PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1"}  # the second for the servers that tests start
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


def install(session: nox.Session, group: str, *requirements: str) -> None:
    """Install the project and one of its dependency groups, which older versions of pip do not know."""
    session.install("--upgrade", "pip>=25.1")
    session.install("--editable", ".", "--group", group, *requirements)


@nox.session
@nox.parametrize(["python", "django"], PAIRS)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests, those of the matrix too."""
    install(session, "test", f"Django~={django}.0")
    session.run("python", "-m", "compileall", "-q", "benchmarks", "demo", "signal_monitor", "tests")
    options = ["-m", "not peer", "-n", "auto", "--maxprocesses", "4", *session.posargs]
    session.run("python", "-m", "pytest", *options, env=DEVELOPMENT_MODE)


@nox.session
@nox.parametrize(["python", "django"], CONFORMANCE_PAIRS)
def conformance(session: nox.Session, django: str) -> None:
    """Run all of Django's own tests plain and on both paths of the monitor, and compare; arguments narrow it down."""
    session.install("--editable", ".", f"Django~={django}.0", "--requirement", "tests/conformance/requirements.txt")
    session.run(
        "python", "-m", "tests.conformance.run", "--apps", "all", "--mode", "plans", "no-plans", *session.posargs
    )


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff>=0.17,<0.18")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Check types."""
    install(session, "lint")
    session.run("mypy")


@nox.session(python="3.11")
def imports(session: nox.Session) -> None:
    """Check which way imports go."""
    install(session, "lint")
    session.run("lint-imports")
