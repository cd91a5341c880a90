"""A shop whose processes have recorded something, and one that has recorded nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from signal_monitor.records import Process
from tests.cli import shop
from tests.cli.manage import MANAGE, Manage
from tests.support.projects import Project


def make_shop(root: pytest.TempPathFactory, name: str) -> Project:
    """A shop in a new directory."""
    project = Project(root.mktemp(name), monitor={"SLOW_MS": 20}).write(
        models=shop.MODELS, signals=shop.SIGNALS, receivers=shop.RECEIVERS, views=shop.VIEWS
    )
    (project.root / "manage.py").write_text(MANAGE, encoding="utf-8")
    return project


def processes_of(project: Project) -> list[Process]:
    """The processes in the store of a project, without what changes."""
    with closing(project.store) as store:
        return [replace(process, seen_at=0.0) for process in store.processes()]


@pytest.fixture(scope="package")
def busy_shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A shop in which orders were paid. Tests only read it."""
    project = make_shop(tmp_path_factory, "busy")
    project.run(shop.ACT)
    return project


@pytest.fixture
def manage(busy_shop: Project) -> Manage:
    """The command of the busy shop."""
    return Manage(busy_shop.root)


@pytest.fixture
def own_shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A shop of the test's own, which has recorded nothing."""
    return make_shop(tmp_path_factory, "own")
