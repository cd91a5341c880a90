"""R201, in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from signal_monitor.finding import Finding
from tests.support.projects import Project

SIGNALS = "from django.dispatch import Signal\nreport_asked, mail_asked = Signal(), Signal()\n"
RECEIVERS = """
    import time
    from django.dispatch import receiver
    from shop.signals import report_asked

    @receiver(report_asked)
    def render(sender, **kwargs):
        wait_for_supplier()

    def wait_for_supplier():
        time.sleep({seconds})
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.signals import report_asked

    def view_report(request):
        {before}report_asked.send(sender=None)
        return HttpResponse("done")
"""


def shop(project: Project, seconds: float = 0.15, before: str = "") -> Project:
    return project.write(
        signals=SIGNALS, receivers=RECEIVERS.format(seconds=seconds), views=VIEWS.format(before=before)
    )


def found(project: Project) -> Finding:
    return project.findings()["slow-receiver"]


def test_a_slow_receiver_is_found_with_its_share_and_where_it_waits(project: Project) -> None:
    shop(project, seconds=0.6).run("for _ in range(3): get('/view_report/')")  # long enough for two looks at it
    finding = found(project)
    assert finding.message.startswith("`render` (receivers.py:6) takes ")
    assert "of `GET /view_report/` (3 calls, in `wait_for_supplier`, sleeping)" in finding.message
    assert finding.advice.startswith("The sender does not use its response: queue the work with `transaction.on_commit")
    assert (finding.level, finding.count, len(finding.requests)) == ("warning", 3, 3)
    assert finding.cost_ns > 1.7e9


def test_a_response_that_is_used_is_not_called_unused(project: Project) -> None:
    shop(project, before="answers = ").run("get('/view_report/'); get('/view_report/')")
    assert "does not use" not in found(project).advice


def test_a_quick_receiver_is_not_found(project: Project) -> None:
    shop(project, seconds=0.001).run("for _ in range(20): get('/view_report/')")
    assert project.findings() == {}


def test_nobody_waits_for_a_command_so_that_it_is_a_hint(project: Project) -> None:
    shop(project).run("from shop.signals import report_asked\nfor _ in range(2): report_asked.send(sender=None)")
    finding = found(project)
    assert (finding.level, finding.cost_ns) == ("hint", 0)
    assert "outside requests" in finding.message


def test_the_first_call_may_be_slow_because_it_imports(project: Project) -> None:
    shop(project)
    (project.root / "heavy.py").write_text("import time\ntime.sleep(0.2)\n", encoding="utf-8")
    project.write(receivers=RECEIVERS.replace("time.sleep({seconds})", "import heavy"))
    project.run("for _ in range(5): get('/view_report/')")
    assert project.findings() == {}


def test_two_processes_have_one_finding_and_a_mended_one_has_none(project: Project) -> None:
    shop(project).run("get('/view_report/'); get('/view_report/')")
    first = found(project)
    project.run("get('/view_report/')")
    again = found(project)
    assert (again.id, again.first_seen) == (first.id, first.first_seen)
    assert again.count == 3
    assert (again.last_seen or 0) > (first.last_seen or 0)
    shop(project, seconds=0.001).run("get('/view_report/')")
    assert project.findings() == {}


@pytest.mark.parametrize("silenced", ["R201:shop.receivers.render", "slow-receiver:shop.*", "r201", "*:*.render"])
def test_a_finding_is_silenced_for_a_receiver(project: Project, silenced: str, settings: object) -> None:
    shop(project).run("get('/view_report/'); get('/view_report/')")
    settings.SIGNAL_MONITOR = {"SILENCED_FINDINGS": [silenced]}  # type: ignore[attr-defined]
    assert project.findings() == {}


def test_a_rule_is_silenced_as_a_check_is(project: Project, settings: object, tmp_path: Path) -> None:
    shop(project).run("get('/view_report/'); get('/view_report/')")
    settings.SILENCED_SYSTEM_CHECKS = ["signal_monitor.R201"]  # type: ignore[attr-defined]
    assert project.findings() == {}
    settings.SILENCED_SYSTEM_CHECKS = ["signal_monitor.R202"]  # type: ignore[attr-defined]
    assert list(project.findings()) == ["slow-receiver"]
