"""A project for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project; DEBUG is on."""
    return Project(tmp_path)
