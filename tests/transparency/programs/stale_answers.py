"""Receivers that change without ``connect`` and ``disconnect``: the next send knows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from tests.transparency.calls import Sender, call
from tests.transparency.edits import SENDER, Edit, marked, one, two
from tests.transparency.edits_of_lookups import EDITS
from tests.transparency.scenario import outcome, scenario

SENDERS: dict[str, Any] = {"class": Sender, "none": None, "string": "sender", "instance": SENDER}


@contextlib.contextmanager
def edited(change: Edit, made: Any) -> Iterator[None]:
    undo = change(made)
    yield
    if callable(undo):
        undo()


def answers(made: Any, sender: Any, method: str) -> Any:
    return [outcome(call, made, method, sender) for _ in range(2)]


def edited_after_sends(change: Edit, cls: Any, sender: Any, method: str, *, caching: bool) -> Any:
    """What a signal answers before an edit, after it, after a connect, and after it is undone."""
    made: Any = cls(use_caching=caching)
    made.connect(one)
    made.connect(two, sender=None if cls is ModelSignal and type(sender) is str else sender)
    seen = [answers(made, sender, method)]
    try:
        with edited(change, made):
            seen.append(answers(made, sender, method))
            seen.append(outcome(made.has_listeners, sender))
        seen.append(answers(made, sender, method))
        made.connect(marked)
        seen.append(answers(made, sender, method))
    except Exception as error:  # noqa: BLE001 - some edits are refused by some kinds of signals
        seen.append(type(error).__name__)
    return seen


CLASSES = {"plain": (Signal, False), "caching": (Signal, True), "model": (ModelSignal, True)}


@scenario({f"{name}-{sender}": (name, sender) for name in EDITS for sender in SENDERS})
def after_an_edit(row: Any) -> Any:
    name, sender = row
    return {
        f"{kind}-{method}": edited_after_sends(EDITS[name], cls, SENDERS[sender], method, caching=caching)
        for kind, (cls, caching) in CLASSES.items()
        for method in ("send", "send_robust", *(["asend"] if sender == "class" else []))
    }


@scenario({f"{name}-{caching}": (name, caching) for name in EDITS for caching in (False, True)})
def edited_by_a_receiver(row: Any) -> Any:
    """An edit made while a dispatch runs is for the next one."""
    name, caching = row
    made: Any = Signal(use_caching=caching)
    done: list[Any] = []

    def editing(**named: Any) -> Any:
        if len(done) == 2:
            done.append(EDITS[name](made))
        else:
            done.append(None)

    made.connect(editing)
    made.connect(one)
    seen = [outcome(made.send, Sender) for _ in range(5)]
    if len(done) > 2 and callable(done[2]):
        done[2]()
    return seen
