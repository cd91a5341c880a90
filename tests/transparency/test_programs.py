"""The application cannot tell whether the monitor is there: each program runs without it and with it."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.matrix import with_more

from .processes import Outcomes, run_program, run_shared
from .scenario import Mode, Scenario, group_of, scenarios_of

MODULES = sorted(path.stem for path in (Path(__file__).parent / "programs").glob("[a-z]*.py"))
GROUPS = [(module, group) for module in MODULES for group in dict.fromkeys(map(group_of, scenarios_of(module)))]

# The whole app, in a trace, has all that the others have.
MODES = with_more(["traced"], ["bare", "app"])
Run = Callable[[str, Mode], Outcomes]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a module of scenarios in a mode, once for the session; answers the outcomes by name."""
    base = tmp_path_factory.getbasetemp()
    directory = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return functools.cache(functools.partial(run_shared, directory=directory))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("module", "group"), GROUPS, ids=lambda value: value)
def test_outcomes_are_the_same(module: str, group: str, mode: Mode, run: Run) -> None:
    rows = {name: item for name, item in scenarios_of(module).items() if group_of(name) == group}
    plain, observed = run(module, "plain"), run(module, mode)

    assert [plain[name]["failed"] for name in rows if "failed" in plain[name]] == []
    different = [name for name in rows if is_different(rows[name], plain[name], observed[name])]
    if different:  # once more: with a second thread, CPython 3.11 has lost one in thousands of asynchronous exceptions
        observed = run_program(mode, module)
        different = [name for name in different if is_different(rows[name], plain[name], observed[name])]
    assert {name: observed[name] for name in different} == {name: plain[name] for name in different}


def is_different(scenario: Scenario, plain: dict[str, Any], observed: dict[str, Any]) -> bool:
    """Whether the outcomes of a scenario differ by more than it allows."""
    plain, observed = _without_depths(plain), _without_depths(observed)
    if plain == observed:
        return False
    return "failed" in observed or scenario.same is None or not scenario.same(plain["returned"], observed["returned"])


def _without_depths(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome without what a RecursionError says of the call: up to Python 3.11, whether that is a function in C."""
    text = json.dumps(outcome).replace(
        "recursion depth exceeded while calling a Python object", "recursion depth exceeded"
    )
    found: dict[str, Any] = json.loads(text)
    return found
