"""``top`` and ``tail``: while receivers run in other processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli import shop
from tests.cli.conftest import processes_of
from tests.cli.manage import Manage, interrupt, press_ctrl_c, read_until, terminate
from tests.support.projects import Project
from tests.support.servers import wait_until

ESCAPE = "\x1b"


@contextmanager
def receiver_that_runs(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """A process in which a receiver runs until the block ends."""
    project.run("pass")  # makes the files
    (project.root / "long.py").write_text(
        "import django; django.setup()\nfrom shop.models import Order\nfrom shop.signals import paid\n"
        "paid.send_robust(Order, seconds=0)\n"  # starts the worker, which looks at running calls
        "paid.send(Order, seconds=600)\n",
        encoding="utf-8",
    )
    environment = {**Manage(project.root).environment(), "DJANGO_SETTINGS_MODULE": "settings"}
    with subprocess.Popen([sys.executable, "long.py"], cwd=project.root, env=environment) as process:
        try:
            assert wait_until(lambda: any(each.running for each in processes_of(project)))
            yield process
        finally:
            process.kill()


def test_top_shows_the_calls_that_run_in_other_processes(own_shop: Project) -> None:
    manage = Manage(own_shop.root)
    with receiver_that_runs(own_shop) as process:
        data = manage("signals", "top", "--once", "--format", "json").data
        text = manage("signals", "top", "--once").stdout
    assert [row["receiver"] for row in data["running"]] == ["shop.receivers.render_receipt"]
    assert [row["pid"] for row in data["processes"]] == [process.pid]
    assert "1 call running" in text
    assert re.search(r"running for +receiver.*\n.*shop\.receivers\.render_receipt +shop/receivers\.py:\d+", text)
    assert ESCAPE not in text


def test_top_adds_up_the_receivers_of_late(manage: Manage) -> None:
    data = manage("signals", "top", "--once", "--minutes", "600", "--format", "json").data
    counts = {row["name"]: (row["count"], row["failures"]) for row in data["receivers"]}
    assert counts["shop.receivers.render_receipt"] == (3, 0)
    assert counts["shop.receivers.post_to_ledger"] == (3, 3)


@pytest.mark.parametrize(("ending", "code"), [(press_ctrl_c, 130), (terminate, 143)])
def test_top_restores_the_terminal(manage: Manage, ending: Any, code: int) -> None:
    result = manage.in_terminal("signals", "top", "--interval", "0.2", until="No process reports", then=ending)
    assert result.code == code
    assert "\x1b[?1049h" in result.stdout
    assert result.stdout.endswith("\x1b[?25h\x1b[?1049l")
    assert "Traceback" not in result.stdout


def test_top_prints_picture_after_picture_in_a_pipe(manage: Manage) -> None:
    with manage.started("signals", "top", "--interval", "0.1", "--format", "json") as process:
        assert process.stdout is not None
        pictures = [json.loads(process.stdout.readline()) for _ in range(2)]
        code, errors = interrupt(process)
    assert pictures[0]["at"] < pictures[1]["at"]
    assert (code, errors) == (130, "")


def test_tail_prints_the_last_dispatches_that_match(manage: Manage) -> None:
    failed = manage("signals", "tail", "--once", "20", "--failed", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["signal"] for line in failed] == ["shop.signals.paid"] * 3
    text = manage("signals", "tail", "--once", "1", "--slow").stdout
    assert "swallowed" in text
    assert "KeyError: ledger" in text
    assert ESCAPE not in text
    mails = manage("signals", "tail", "--once", "2", "--receiver", "send_*", "--signal", "post_s*").stdout
    assert mails.count("shop.receivers.send_mail") == 2


def test_tail_leaves_out_the_signals_of_every_request(manage: Manage) -> None:
    def signals(*options: str) -> set[str]:
        lines = manage("signals", "tail", "--once", "100", "--format", "json", *options).stdout.splitlines()
        return {json.loads(line)["signal"] for line in lines}

    finished = "django.core.signals.request_finished"
    assert finished not in signals()
    assert finished in signals("--all")
    assert finished in signals("--signal", "request_finished")


def test_tail_names_what_is_like_an_unknown_signal(manage: Manage) -> None:
    result = manage("signals", "tail", "--once", "1", "--signal", "shop.signals.payd", code=2)
    assert "shop.signals.paid" in result.stderr


def test_tail_follows_other_processes_until_ctrl_c(own_shop: Project) -> None:
    own_shop.run(shop.ACT)
    with Manage(own_shop.root).started("signals", "tail", "--failed", "--interval", "0.1") as process:
        before = read_until(process, "KeyError")
        own_shop.run('get("/view_pay/")')
        for _ in range(3):
            after = read_until(process, "KeyError")
        code, errors = interrupt(process)
    assert (code, errors) == (130, "")
    ids = [line.split()[-1] for line in f"{before}{after}".splitlines() if "shop.signals.paid" in line]
    assert len(ids) == len(set(ids))


def test_where_nothing_was_recorded_they_say_what_to_do(own_shop: Project) -> None:
    manage = Manage(own_shop.root)
    for command in (("top", "--once"), ("tail", "--once", "3")):
        assert "Start the site" in manage("signals", *command, code=2).stderr
