"""What all subcommands have in common."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from signal_monitor.own_command import is_own_command, runs_command
from tests.cli.conftest import processes_of
from tests.cli.manage import Manage
from tests.support.projects import Project

ESCAPE = "\x1b"


def without_rich(directory: Path) -> dict[str, str]:
    """An environment in which rich is not installed."""
    (directory / "rich").mkdir()
    (directory / "rich" / "__init__.py").write_text("raise ImportError('not installed')", encoding="utf-8")
    return {"PYTHONPATH": f"{directory}"}


def words(text: str) -> list[str]:
    """The words of an output."""
    return text.replace("\r", "").split()


def test_is_in_colour_at_a_terminal_only(manage: Manage) -> None:
    plain = manage("signals", "list").stdout
    shown = manage.in_terminal("signals", "list", columns=2000)
    assert ESCAPE in shown.stdout
    assert ESCAPE not in plain
    assert shown.code == 0
    no_colour = manage.in_terminal("signals", "list", columns=2000, env={"NO_COLOR": "1"}).stdout
    assert ESCAPE not in no_colour
    assert words(no_colour) == words(plain)
    assert no_colour.replace("\r", "").count("\n\n") == plain.count("\n\n")
    assert ESCAPE not in manage.in_terminal("signals", "list", "--no-color").stdout
    assert ESCAPE in manage("signals", "list", "--force-color").stdout


def test_folds_names_at_a_narrow_terminal(manage: Manage) -> None:
    text = manage.in_terminal("signals", "list", columns=60, env={"NO_COLOR": "1"}).stdout.replace("\r", "")
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text


def test_prints_the_same_without_rich(manage: Manage, tmp_path: Path) -> None:
    environment = manage.environment()
    path = f"{without_rich(tmp_path)['PYTHONPATH']}:{environment['PYTHONPATH']}"
    shown = manage.in_terminal("signals", "doctor", env={"PYTHONPATH": path})
    assert shown.code == 1
    assert ESCAPE not in shown.stdout
    assert "`post_to_ledger`" in shown.stdout


def test_is_quiet_where_nobody_reads(manage: Manage) -> None:
    with manage.started("signals", "list") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_survives_an_encoding_that_lacks_a_letter(manage: Manage) -> None:
    text = manage("signals", "top", "--once", "--minutes", "600", env={"PYTHONIOENCODING": "ascii"}).stdout
    assert "\\xb5s" in text


@pytest.mark.parametrize("name", ["list", "doctor", "top", "tail", "show", "diff", "run", "install", "mcp"])
def test_help_has_the_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from signal_monitor.management.commands.signals import Command

    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "signals", name, "--help"])
    assert end.value.code == 0
    assert "exit codes:\n    0  done" in capsys.readouterr().out


@pytest.mark.parametrize("minutes", ["0", "-5", "nan", "many"])
def test_doctor_takes_no_period_that_is_none(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    from signal_monitor.management.commands.signals import Command

    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "signals", "doctor", "--minutes", minutes])
    assert end.value.code == 2
    assert f"argument --minutes: '{minutes}' is not a number above 0" in capsys.readouterr().err


def test_does_not_show_up_among_the_processes(busy_shop: Project, manage: Manage) -> None:
    before = processes_of(busy_shop)
    manage("signals", "doctor", code=1)
    with manage.started("signals", "top", "--interval", "0.1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.5)
    assert processes_of(busy_shop) == before


@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        (["manage.py", "signals", "list"], True),
        (["./manage.py", "signals", "top", "--once"], True),
        (["/venv/bin/django-admin", "signals", "--settings", "shop.settings", "doctor"], True),
        (["manage.py", "signals"], True),
        (["manage.py", "signals", "run", "--", "loaddata", "x"], False),
        (["manage.py", "signals", "--settings=x", "-v", "2", "run", "--", "migrate"], False),
        (["manage.py", "runserver", "signals"], False),
        (["signals.py", "signals", "list"], False),
        ([], False),
        ([""], False),
    ],
)
def test_knows_its_own_command_line(arguments: list[str], own: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_own_command(arguments) is own


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["manage.py", "migrate"], True),
        (["/venv/lib/django/__main__.py", "--settings", "shop.settings", "loaddata", "x"], True),
        (["manage.py", "runserver", "8000"], False),
        (["manage.py", "runserver_plus"], False),
        (["/venv/bin/gunicorn", "shop.wsgi"], False),
        (["manage.py"], False),
        ([], False),
    ],
)
def test_knows_commands_that_serve_no_requests(arguments: list[str], runs: bool) -> None:  # noqa: FBT001 - a parameter
    assert runs_command(arguments) is runs


def test_commands_import_no_rules_when_they_start(own_shop: Project) -> None:
    """They take a third of the start, and most commands do not need them."""
    code = "import sys; print('signal_monitor.findings.rules' in sys.modules)"
    assert Manage(own_shop.root)("shell", "-c", code).stdout.strip().endswith("False")


def test_says_that_a_store_in_memory_cannot_be_shared(tmp_path: Path, own_shop: Project) -> None:
    settings = own_shop.root / "settings.py"
    settings.write_text(f'{settings.read_text(encoding="utf-8")}\nSIGNAL_MONITOR = {{"STORE": "memory"}}\n')
    assert "keeps its records to itself" in Manage(own_shop.root)("signals", "top", "--once", code=2).stderr


def test_is_not_imported_when_django_starts(busy_shop: Project) -> None:
    own_modules = (
        "[name for name in sys.modules if name.startswith(('signal_monitor.cli', 'signal_monitor.mcp', 'rich'))]"
    )
    printed = busy_shop.command("-c", f"import sys, django; django.setup(); print({own_modules})")
    assert printed == "[]\n"
