"""Django's own ``Signal`` and the observed one are put through the same random programs: never a difference.

A longer run: ``HYPOTHESIS_PROFILE=thorough pytest tests/properties``.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.signals import ModelSignal
from django.dispatch import Signal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from signal_monitor.errors import errors
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import orphan_counts
from signal_monitor.testing import capture_dispatches

from . import actions, strategies
from .pictures import difference
from .signals import make_signals
from .stock import stock_dispatcher, stock_signals
from .truth import Truth
from .turns import TurnLoop
from .world import World

pytestmark = pytest.mark.slow

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=1200 if THOROUGH else 30,
    stateful_step_count=25,
    deadline=None,
    derandomize=not THOROUGH,  # the same programs each time, unless more are wanted
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink) if THOROUGH else (Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class SideBySide(RuleBasedStateMachine):
    """Two worlds that do the same, and are compared after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = World(make_signals(stock_dispatcher.Signal, stock_signals.ModelSignal))
        self.observed = World(make_signals(Signal, ModelSignal))
        self.capturing = capture_dispatches()
        self.capture = self.capturing.__enter__()
        self.seen = self.amended = 0
        self.faults = errors.count
        self.context = contextvars.Context()  # what one example leaves in it is not the next one's

    def teardown(self) -> None:
        self.capturing.__exit__(None, None, None)
        del self.stock, self.observed
        gc.collect()

    def both(self, action: actions.Action) -> None:
        """Do it in both worlds, and compare all that can be seen."""
        expected = self.context.run(self.stock.step, action)
        orphans = sum(orphan_counts().values())
        actual = self.context.run(self.observed.step, action)
        if self.stock.has_failed:
            gc.collect()
        left = self.context.run(self.observed.state), self.context.run(self.stock.state)
        found = difference((actual, left[0]), (expected, left[1]))
        assert found is None, found
        assert errors.count == self.faults, errors.last
        counted, unanswered = sum(orphan_counts().values()) - orphans, self._unanswered()
        assert counted == unanswered, f"{counted} orphans instead of {unanswered}"
        self._check_records()

    def _unanswered(self) -> int:
        return sum(sent.answered == 0 for sent in self.observed.journal.sends.values())

    def _check_records(self) -> None:
        dispatches, amendments = self.capture.dispatches, self.capture.amendments
        Truth(self.observed, dispatches[self.seen :], amendments[self.amended :]).check()
        self.seen, self.amended = len(dispatches), len(amendments)

    @initialize(
        usual=st.lists(strategies.usual_receivers, min_size=3, max_size=3),
        ausual=st.lists(strategies.usual_areceivers, min_size=2, max_size=2),
        sender=strategies.made_senders,
    )
    def begin(
        self, usual: list[actions.MakeReceiver], ausual: list[actions.MakeReceiver], sender: actions.MakeSender
    ) -> None:
        """A plain signal with synchronous receivers, a caching one, and a plain one with async receivers too."""
        pairs = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1, 0), (2, 2), (2, 3), (2, 4))
        connects = [actions.Connect(*pair) for pair in pairs]
        made: list[actions.Action] = [sender, *usual, *ausual]
        for action in made + connects:
            self.both(action)

    @rule(action=strategies.sync_receivers | strategies.async_receivers | strategies.made_senders)
    def make(self, action: actions.Action) -> None:
        self.both(action)

    @rule(action=strategies.connects)
    def connect(self, action: actions.Action) -> None:
        self.both(action)

    @rule(action=strategies.changes | strategies.questions | strategies.deaths | strategies.variables)
    def change(self, action: actions.Action) -> None:
        self.both(action)

    @rule(send=strategies.sends, change=strategies.changes)
    def change_between_sends(self, send: actions.Send, change: Any) -> None:
        """What was made for the first is not to be used for the second."""
        self.both(send)
        self.both(dataclasses.replace(change, signal=send.signal))
        self.both(send)

    @rule(send=strategies.sends, death=strategies.deaths)
    def death_between_sends(self, send: actions.Send, death: actions.Action) -> None:
        for action in (send, death, send):
            self.both(action)

    @rule(action=strategies.sends)
    def send(self, action: actions.Action) -> None:
        self.both(action)

    @rule(action=strategies.loops)
    def send_under_a_loop(self, action: actions.Action) -> None:
        self.both(action)


@pytest.fixture
def _order(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No collection of garbage but the programs' own, and loops that take turns with threads."""
    monkeypatch.setattr(asyncio.events, "new_event_loop", TurnLoop)
    gc.collect()
    gc.freeze()  # what is there already is not looked through at every collection
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("_order")
# What dies when a program is over does so in both worlds, and is no longer compared.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(0 if THOROUGH else 600)
@pytest.mark.parametrize("uses_plans", [True, False], ids=["with plans", "without plans"])
def test_never_a_difference(uses_plans: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr(hooks, "uses_plans", uses_plans)

    run_state_machine_as_test(SideBySide, settings=SETTINGS)
