"""The application cannot tell whether the monitor is there: each program runs without it and with it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .processes import MODES, run_module
from .scenario import Scenario, scenarios_of

MODULES = sorted(path.stem for path in (Path(__file__).parent / "programs").glob("[a-z]*.py"))
SCENARIOS = [item for module in MODULES for item in scenarios_of(module).values()]


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Runs a module of scenarios, once for the session; answers the outcomes by mode and name."""
    base = tmp_path_factory.getbasetemp()
    directory = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return functools.cache(functools.partial(run_module, directory=directory))


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda item: f"{item.module}.{item.name}")
def test_outcome_is_the_same(scenario: Scenario, mode: str, outcomes: Callable[[str], dict[str, Any]]) -> None:
    of_module = outcomes(scenario.module)
    plain, observed = (of_module[each][scenario.name] for each in ("plain", mode))

    assert "failed" not in plain, plain["failed"]
    assert "failed" not in observed, observed["failed"]
    if scenario.same is None or not scenario.same(plain["returned"], observed["returned"]):
        assert observed["returned"] == plain["returned"]
