"""Each rule shows its remedy as a sketch of code."""

from __future__ import annotations

import ast
from collections import Counter
from io import StringIO
from typing import get_args

import pytest

from signal_monitor.cli.doctor import print_finding
from signal_monitor.cli.output import Output
from signal_monitor.dashboard.markdown import finding_markdown
from signal_monitor.dashboard.pages.finding import FindingState
from signal_monitor.dashboard.pages.findings import GROUPS
from signal_monitor.dashboard.serializers import finding_json
from signal_monitor.finding import Kind
from signal_monitor.findings.base import Rule, sketched
from signal_monitor.findings.rules import RULES
from signal_monitor.findings.rules.slow_receiver import SlowReceiver


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_sketch_of_each_rule(rule: Rule) -> None:
    """It is a short diff with at least one new line, and what remains is Python."""
    assert 2 <= len(rule.sketch) <= 9
    assert {line[0] for line in rule.sketch} <= {"+", "-", " "}
    assert any(line.startswith("+") for line in rule.sketch)
    after = [line[1:] for line in sketched(rule.sketch, "shop.notify").splitlines() if line[0] != "-"]
    assert ast.parse("\n".join(after)).body
    assert "{receiver}" not in "".join(after)


@pytest.mark.parametrize(
    ("receiver", "name"), [("shop.receivers.mail", "mail"), ("shop.<lambda>", "receiver"), ("", "receiver")]
)
def test_sketch_names_the_receiver(receiver: str, name: str) -> None:
    assert sketched(("+def {receiver}(): ...",), receiver) == f"+def {name}(): ..."


def test_sketch_is_shown_by_every_interface() -> None:
    finding = SlowReceiver().finding("receiver", "shop.receivers.mail", "`mail` is slow.")
    line = "+    transaction.on_commit(lambda: mail_later.delay(instance.pk))"
    assert line in finding_json(finding)["sketch"].splitlines()
    assert f"```diff\n{finding.sketch}\n```" in finding_markdown(
        {"finding": finding, "state": FindingState(finding)}, "/signals/"
    )
    text = StringIO()
    print_finding(finding, Output(text))
    assert line in text.getvalue()


def test_each_kind_has_a_section() -> None:
    """No finding is left out of the page."""
    assert Counter(kind for kinds in GROUPS.values() for kind in kinds) == Counter(get_args(Kind))
