"""Runs of management commands are counted by name, as requests are by view."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from django.core.management.base import BaseCommand

from signal_monitor.command_runs import count_commands, count_no_commands
from signal_monitor.stores.base import Totals
from tests.support.projects import Project

RECEIVERS = """
    import time
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db.models.signals import post_save
    from django.dispatch import Signal, receiver

    ticked = Signal()

    @receiver(ticked)
    def tick(**kwargs):
        time.sleep(0.001)

    @receiver(post_save, sender=User)
    def greet(instance, **kwargs):
        time.sleep(0.05)
        if instance.username == "broken":
            raise LookupError("no such user")
        if instance.username == "leaving":
            raise SystemExit(0)
"""


def test_runs_of_commands_are_counted_by_name(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(receivers=RECEIVERS)
    project.run("get('/')")  # makes the tables; no command
    create = ("-m", "django", "createsuperuser", "--noinput", "--email", "a@example.org", "--username")
    project.command(*create, "ann")
    project.command(*create, "leaving")
    project.command(*create, "broken", fails=True)
    project.command(*create, "bob")
    sends = "[ticked.send(None) for _ in range(300)]"
    shell = f"from shop.receivers import *; User().save(); {sends}; raise SystemExit('no')"
    project.command("-m", "django", "shell", "-c", shell, fails=True)
    project.command("-m", "django", "check")  # sends nothing that is received

    store = project.store
    rows = {row.key: row for row in store.totals("command")}
    store.close()
    counts = {name: (row.count, row.failures) for name, row in rows.items()}
    assert counts == {"createsuperuser": (4, 1), "shell": (1, 1)}
    assert "LookupError" in str(rows["createsuperuser"].last_failure)
    _check_times(rows["createsuperuser"], 4 * 50e6)
    _check_times(rows["shell"], 50e6 + 300 * 1e6)


def test_a_tool_that_wraps_the_method_later_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    count_commands()
    ours = BaseCommand.run_from_argv

    @functools.wraps(ours)
    def theirs(self: BaseCommand, argv: list[str]) -> None:
        ours(self, argv)

    with monkeypatch.context() as patch:
        patch.setattr(BaseCommand, "run_from_argv", theirs)
        count_no_commands()
        assert BaseCommand.run_from_argv is theirs
    count_no_commands()
    assert BaseCommand.run_from_argv is not ours
    count_commands()


def _check_times(row: Totals, least_ns: float) -> None:
    assert row.receivers_ns >= least_ns
    assert row.receivers_ns + row.waiting_ns + row.other_ns + row.self_ns == row.total_ns
