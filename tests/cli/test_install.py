from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.manage import Manage
from tests.newcomer.project import NewProject, start_project


@pytest.fixture
def project(tmp_path: Path) -> NewProject:
    """What ``startproject`` makes, with the monitor as its last app."""
    project = start_project(tmp_path)
    project.add_to_settings('INSTALLED_APPS += ["signal_monitor"]')
    return project


def apply(project: NewProject, edit: dict[str, Any]) -> None:
    """Do to a file what a person would do who reads the lines."""
    path, where, lines = project.root / edit["path"], edit["where"], "\n".join(edit["add"])
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if where.startswith("in "):
        name = where.removeprefix("in ").partition(",")[0]
        if edit["remove"]:
            text = text.replace(f"{name} += [{edit['remove'][0].rstrip(',')}]", "")
        elif where.endswith("at the end"):
            text = f"{text}\n{name} += [{lines}]\n"
        elif "after 'daphne'" in where:
            text = text.replace('"daphne",', f'"daphne",\n{lines}', 1)
        else:
            text = text.replace(f"{name} = [", f"{name} = [\n{lines}", 1)
    elif edit["remove"]:
        text = text.replace(edit["remove"][0], lines)
    else:
        text = f"{lines}\n{text}" if where == "at the top" else f"{text}\n{lines}\n"
    path.write_text(text, encoding="utf-8")


def follow(project: NewProject, *options: str) -> list[str]:
    """Apply what ``install`` prints; answers the ids of what was to do."""
    problems = Manage(project.root)("signals", "install", "--format", "json", *options, code=1).data["problems"]
    for problem in problems:
        assert problem["edits"], problem
        for edit in problem["edits"]:
            apply(project, edit)
    return [problem["id"] for problem in problems]


def test_prints_lines_that_make_the_project_complete(project: NewProject) -> None:
    before = {path: path.read_bytes() for path in project.root.rglob("*.py")}
    text = Manage(project.root)("signals", "install", code=1).stdout
    assert "project/settings.py, in MIDDLEWARE, first:" in text
    assert '    + "signal_monitor.middleware.SignalMonitorMiddleware",' in text
    assert "    - from django.core.asgi import get_asgi_application" in text
    assert {path: path.read_bytes() for path in before} == before
    assert "signal_monitor.W010" not in follow(project)
    assert "no issues" in project.manage("check")


def test_leaves_out_what_only_asgi_needs(project: NewProject) -> None:
    assert "--wsgi" in Manage(project.root)("signals", "install", code=1).stdout
    done = follow(project, "--wsgi")
    assert "signal_monitor.W002" not in done
    assert "signal_monitor.W005" in done
    assert "Nothing is to be added." in Manage(project.root)("signals", "install", "--wsgi").stdout
