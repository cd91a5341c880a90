"""The first sentence of the health page: whether the pages can be believed."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.processes import ProcessState, alive, dropped
from signal_monitor.dashboard.verdicts import Verdict


def judge_health(states: Sequence[ProcessState]) -> Verdict:
    """The first that applies: nobody reports, records were lost, the monitor has failed, or all is well."""
    if not states:
        return Verdict("nothing", "No process has reported")
    lost, errors = dropped(states), sum(state.process.errors for state in states)
    counted, reporting = sum(state.process.dispatches for state in states), alive(states)
    told = f"{_processes(reporting)} {'reports' if reporting == 1 else 'report'}."
    if lost:
        number = sum(lost.values())
        reasons = ", ".join(f"{formatting.count(each)} {reason}" for reason, each in lost.items())
        heading = f"{formatting.count(number)} of {formatting.counted(counted + number, 'record', 'records')} "
        heading += "was lost" if number == 1 else "were lost"
        return Verdict("lost", heading, (f"The pages show only a part. Why: {reasons}. {told}",))
    if errors:
        heading = f"The monitor itself failed {formatting.counted(errors, 'time', 'times')}"
        return Verdict("errors", heading, (f"What it was doing then is missing from the pages. {told}",))
    if not reporting:
        return Verdict("gone", "No process reports any more", ("The pages show what was recorded before.",))
    seen = formatting.counted(counted, "dispatch was", "dispatches were")
    taken = sum(state.process.worker_percent for state in states if not state.gone)
    heading = f"Nothing was lost, and the monitor's threads take {taken:.1f} % of a core"
    return Verdict("well", heading, (f"{told} {seen} recorded or counted.",))


def _processes(number: int) -> str:
    return formatting.counted(number, "process", "processes")
