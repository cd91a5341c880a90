"""Findings as annotations of GitHub Actions.

See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from signal_monitor.finding import Finding, Level

COMMANDS: Mapping[Level, str] = {"error": "error", "warning": "warning", "hint": "notice"}


def annotation(finding: Finding) -> str:
    """The line that makes GitHub show a finding beside its line of code."""
    fields = {"title": f"{finding.code} {finding.title}"}
    if (path := _path_in_repository(finding.path)) is not None:
        fields = {"file": path, **({"line": str(finding.line)} if finding.line else {}), **fields}
    properties = ",".join(f"{name}={_escaped_property(value)}" for name, value in fields.items())
    text = _escaped(f"{finding.message}\n{finding.advice}")
    return f"::{COMMANDS[finding.level]} {properties}::{text}"


def _path_in_repository(path: str | None) -> str | None:
    root = os.environ.get("GITHUB_WORKSPACE") or str(Path.cwd())
    return path.removeprefix(f"{root}{os.sep}") if path and path.startswith(f"{root}{os.sep}") else None


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
