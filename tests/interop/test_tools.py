"""Beside other tools, put on before or after them: the program answers, and the tool sees, what they do without us."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Run

pytestmark = pytest.mark.slow

TOOLS = ["sentry", "ddtrace", "newrelic", "toolbar"]
SIGNAL = ["__init__", "_live_receivers", "asend", "asend_robust", "send", "send_robust"]
RESERVED, NOTED = ["reserve", "ok", False], ["Desk.note", "ok", False]
PLACED = ["placed", "Order", "send", 0, [RESERVED, NOTED]]
PLACED_INSIDE = ["placed", "Order", "send", 1, [RESERVED, NOTED]]
CACHED = ["cached", "Order", "send", 0, [RESERVED, ["partial(label)", "ok", False], ["place", "ok", False]]]
SWALLOWED = [RESERVED, ["refuse", "swallowed", False], NOTED]
NOTIFIED = [RESERVED, ["notify", "ok", True]]
OBSERVED = [
    PLACED,
    PLACED_INSIDE,
    CACHED,
    PLACED_INSIDE,
    CACHED,
    ["refused", "Order", "send", 0, [RESERVED, ["refuse", "raised", False], ["Desk.note", "not_run", False]]],
    ["refused", "a name", "send_robust", 0, SWALLOWED],
    ["notified", "None", "send", 0, NOTIFIED],
    PLACED_INSIDE,
    ["post_save", "ContentType", "send", 0, [["place", "ok", False]]],
    ["placed", "Order", "asend", 0, [RESERVED, NOTED]],
    ["notified", "Order", "asend", 0, NOTIFIED],
    ["notified", "Order", "asend", 0, NOTIFIED],
    ["declined", "Order", "asend", 0, [["decline", "raised", True]]],
    ["declined", "Order", "asend_robust", 0, [["decline", "swallowed", True]]],
    ["refused", "Order", "asend_robust", 0, SWALLOWED],
]
"""What the program of ``work.py`` dispatches to receivers, in the order of the dispatches' ends."""


def observed(report: dict[str, Any], monitor: str = "monitor") -> list[Any]:
    """What was observed, without the names of modules."""
    return _short(report["products"][monitor])  # type: ignore[no-any-return]


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(item) for item in value]
    modules = ("tests.interop.work.", "django.db.models.signals.", "django.contrib.contenttypes.models.")
    for module in modules if isinstance(value, str) else ():
        value = value.replace(module, "")
    return value


def beside(run: Run, tool: str, order: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The reports of a tool's program while we are on and after we are off, and those of the tool alone."""
    first = [tool, "monitor"] if order == "before" else ["monitor", tool]
    return run(*first, "work", "-monitor", "work"), run(tool, "work", "work")


def test_program_without_tools(run: Run) -> None:
    """What the others are compared with: every kind of dispatch is made, and all are observed."""
    plain, watched = run("work"), run("monitor", "work")

    assert watched[0]["answers"] == plain[0]["answers"]
    assert observed(watched[0]) == OBSERVED
    assert plain[0]["djangos"] == SIGNAL


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("tool", TOOLS)
def test_program_answers_as_with_the_tool_alone(run: Run, tool: str, order: str) -> None:
    both, alone = beside(run, tool, order)

    assert [report["answers"] for report in both] == [report["answers"] for report in alone]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("tool", TOOLS)
def test_tool_sees_what_it_sees_alone(run: Run, tool: str, order: str) -> None:
    both, alone = beside(run, tool, order)

    assert all(report["products"][tool] for report in alone)
    assert [report["products"][tool] for report in both] == [report["products"][tool] for report in alone]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("tool", TOOLS)
def test_dispatches_are_observed_once_until_we_go(run: Run, tool: str, order: str) -> None:
    (on, off), _ = beside(run, tool, order)

    assert observed(on) == OBSERVED
    assert observed(off) == []


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("tool", TOOLS)
def test_what_we_leave_is_what_the_tool_alone_leaves(run: Run, tool: str, order: str) -> None:
    (_, off), (alone, _) = beside(run, tool, order)

    assert off["djangos"] == alone["djangos"]


@pytest.mark.parametrize("first", [("sentry", "monitor"), ("monitor", "sentry")], ids=["before", "after"])
def test_sentry_goes_before_us(run: Run, first: tuple[str, str]) -> None:
    """Its function stays where it is, and wraps no receivers any more."""
    both = run(*first, "work", "-sentry", "work", "-monitor", "work")
    alone = run("sentry", "work", "-sentry", "work", "work")

    assert [report["answers"] for report in both] == [report["answers"] for report in alone]
    assert [report["products"]["sentry"] for report in both] == [report["products"]["sentry"] for report in alone]
    assert [observed(report) for report in both] == [OBSERVED, OBSERVED, []]
    assert both[-1]["djangos"] == [name for name in SIGNAL if name != "_live_receivers"]


def test_sentry_comes_when_all_signals_were_dispatched_before(run: Run) -> None:
    """What we know of a signal's receivers by then is not what the next send calls."""
    both = run("monitor", "work", "work", "sentry", "work", "-sentry", "work")
    alone = run("work", "work", "sentry", "work", "-sentry", "work")

    assert [report["answers"] for report in both] == [report["answers"] for report in alone]
    assert [report["products"]["sentry"] for report in both] == [report["products"]["sentry"] for report in alone]
    assert [observed(report) for report in both] == [OBSERVED] * 4


@pytest.mark.parametrize("first", [("sentry", "monitor"), ("monitor", "sentry")], ids=["before", "after"])
def test_we_come_again_beside_sentry(run: Run, first: tuple[str, str]) -> None:
    both = run(*first, "-monitor", "work", "monitor", "work")
    alone = run("sentry", "work", "work")

    assert [report["answers"] for report in both] == [report["answers"] for report in alone]
    assert [report["products"]["sentry"] for report in both] == [report["products"]["sentry"] for report in alone]
    assert [observed(report) for report in both] == [[], OBSERVED]


def test_all_tools_at_once(run: Run) -> None:
    tools = ("newrelic", "ddtrace", "sentry", "toolbar")
    both, alone = run(*tools, "monitor", "work", "-monitor", "work"), run(*tools, "work", "work")

    assert [report["answers"] for report in both] == [report["answers"] for report in alone]
    assert [observed(report) for report in both] == [OBSERVED, []]
    for tool in tools:
        assert [report["products"][tool] for report in both] == [report["products"][tool] for report in alone]
