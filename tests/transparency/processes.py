"""The processes that run scenarios: one per module and mode."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.servers import ROOT

from .scenario import Mode, scenarios_of

Outcomes = dict[str, Any]


def run_program(mode: Mode, module: str, python: str = sys.executable, **environ: str) -> Outcomes:
    """Run the scenarios of a module; those after one that never ends are run in another process."""
    outcomes: Outcomes = {}
    while missing := [name for name in scenarios_of(module) if name not in outcomes]:
        done = subprocess.run(
            [python, "-m", "tests.transparency.run", mode, module, *outcomes],
            capture_output=True,
            text=True,
            timeout=250,
            env=environment(**environ),
            cwd=ROOT,
            check=False,
        )
        for line in done.stdout.splitlines():
            name, *result = json.loads(line)
            outcomes[name] = result[0] if result else {"failed": f"The program did not end.\n{done.stderr}"}
        if missing[0] not in outcomes:
            outcomes.update({name: {"failed": done.stderr} for name in missing})
    return outcomes


def environment(**environ: str) -> dict[str, str]:
    """The environment of a program: none of the tests' own settings, and a fixed order of sets."""
    left_out = {"DJANGO_SETTINGS_MODULE", "PYTHONDEVMODE", "PYTHONWARNINGS"}
    return (
        {name: value for name, value in os.environ.items() if name not in left_out} | {"PYTHONHASHSEED": "0"} | environ
    )


def run_shared(module: str, mode: Mode, directory: Path) -> Outcomes:
    """The outcomes of a module in a mode; pytest's worker processes share them by a file."""
    with (directory / f"{module}-{mode}.json").open("a+") as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        shared.seek(0)
        if written := shared.read():
            return json.loads(written)  # type: ignore[no-any-return]
        outcomes = run_program(mode, module)
        shared.write(json.dumps(outcomes))
    return outcomes
