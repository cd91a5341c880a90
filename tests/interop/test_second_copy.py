"""Beside a second copy of us, under another name: nothing breaks, in whichever order the two come and go."""

from __future__ import annotations

import pytest

from .conftest import Run
from .test_tools import OBSERVED, SIGNAL, observed

COMINGS = [("monitor", "copy"), ("copy", "monitor")]
GOINGS = [("-monitor", "-copy"), ("-copy", "-monitor")]


@pytest.mark.parametrize("goings", GOINGS, ids="".join)
@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_program_answers_as_without_either(run: Run, comings: tuple[str, str], goings: tuple[str, str]) -> None:
    reports = run(*comings, "work", goings[0], "work", goings[1], "work", goings[0], "work")

    assert [report["answers"] for report in reports] == [run("work")[0]["answers"]] * 4


@pytest.mark.parametrize("goings", GOINGS, ids="".join)
@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_first_copy_counts_once_until_it_goes(run: Run, comings: tuple[str, str], goings: tuple[str, str]) -> None:
    reports = run(*comings, "work", goings[0], "work", goings[1], "work", goings[0], "work")
    first = comings[0]
    until = 1 if goings[0] == f"-{first}" else 2

    assert [observed(report, first) for report in reports] == [OBSERVED] * until + [[]] * (4 - until)


@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_second_copy_steps_aside(run: Run, comings: tuple[str, str]) -> None:
    """Each dispatch is counted by one of them; the other one logs that it observes nothing."""
    report = run(*comings, "work")[0]

    assert observed(report, comings[1]) == []


@pytest.mark.parametrize("goings", GOINGS, ids="".join)
@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_nothing_is_observed_in_the_end(run: Run, comings: tuple[str, str], goings: tuple[str, str]) -> None:
    reports = run(*comings, "work", goings[0], "work", goings[1], "work", goings[0], "work")

    assert [observed(report, copy) for report in reports[2:] for copy in comings] == [[], [], [], []]


@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_last_to_come_goes_first_and_all_is_djangos_again(run: Run, comings: tuple[str, str]) -> None:
    goings = (f"-{comings[1]}", f"-{comings[0]}")
    reports = run(*comings, "work", goings[0], "work", goings[1], "work", goings[0], "work")

    assert reports[2]["djangos"] == SIGNAL


@pytest.mark.parametrize("comings", COMINGS, ids="-".join)
def test_first_to_come_goes_first_and_goes_again(run: Run, comings: tuple[str, str]) -> None:
    """What the second one has put over it is in its way the first time."""
    goings = (f"-{comings[0]}", f"-{comings[1]}")
    reports = run(*comings, "work", goings[0], "work", goings[1], "work", goings[0], "work")

    assert reports[2]["djangos"] == [name for name in SIGNAL if name != "__init__"]
    assert reports[3]["djangos"] == SIGNAL
