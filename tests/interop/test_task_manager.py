"""Beside celery-task-manager, whose signals override all four send methods, each calling Django's."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Run

PACKAGE = "tests.interop"
RESERVED = [f"{PACKAGE}.work.reserve", "ok", False]
REFUSED = [f"{PACKAGE}.work.refuse", "raised", False]
# A robust method of theirs calls the plain one of Django's, and that is the one that dispatches.
METHODS = ["send", "send", "asend", "asend"]


def dispatches(report: dict[str, Any]) -> list[Any]:
    """What was observed of the task manager's own signals."""
    return [item for item in report["products"]["monitor"] if item[0].startswith(f"{PACKAGE}.tasks.")]


def expected() -> list[Any]:
    """All four methods, of the signal whose receivers succeed and of the one that fails."""
    order = f"{PACKAGE}.work.Order"
    done = [[f"{PACKAGE}.tasks.done", order, method, 0, [RESERVED]] for method in METHODS]
    return done + [[f"{PACKAGE}.tasks.failed", order, method, 0, [RESERVED, REFUSED]] for method in METHODS]


def answers(report: dict[str, Any]) -> list[Any]:
    """What was answered. A send method that is not Django's is called from one of ours: one frame more."""
    return [_without_our_frame(answer) for answer in report["answers"]]


def _without_our_frame(answer: Any) -> Any:
    if isinstance(answer, list) and len(answer) == 2 and isinstance(answer[1], list) and "observed" in answer[1]:
        return [answer[0], [name for name in answer[1] if name != "observed"]]
    return answer


@pytest.mark.parametrize("others", [(), ("sentry",)], ids=["alone", "with-sentry"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_answers_and_written_errors_are_as_without_us(run: Run, others: tuple[str, ...], order: str) -> None:
    first = ("monitor", *others) if order == "before" else (*others, "monitor")
    both = run("task_manager", *first, "work", "-monitor", "work")
    alone = run("task_manager", *others, "work", "work")

    assert [answers(report) for report in both] == [report["answers"] for report in alone]
    for tool in ("task_manager", *others):
        assert [report["products"][tool] for report in both] == [report["products"][tool] for report in alone]
    assert alone[0]["products"]["task_manager"] == [["failed", "ValueError", 4]]


@pytest.mark.parametrize("others", [(), ("sentry",)], ids=["alone", "with-sentry"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_dispatches_are_counted_once(run: Run, others: tuple[str, ...], order: str) -> None:
    first = ("monitor", *others) if order == "before" else (*others, "monitor")
    on, off = run("task_manager", *first, "work", "-monitor", "work")

    assert dispatches(on) == expected()
    assert dispatches(off) == []


ORDERS = [
    ("around", "sentry", "monitor"),
    ("around", "monitor"),
    ("monitor", "around", "sentry"),
    ("around", "monitor", "sentry"),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order))
def test_tools_above_and_below_us_and_overrides_are_counted_once(run: Run, order: tuple[str, ...]) -> None:
    both = run("task_manager", *order, "work", "-monitor", "work")
    alone = run("task_manager", *(tool for tool in order if tool != "monitor"), "work", "work")

    assert dispatches(both[0]) == expected()
    assert dispatches(both[1]) == []
    for tool in set(order) - {"monitor"}:
        assert [report["products"][tool] for report in both] == [report["products"][tool] for report in alone]
