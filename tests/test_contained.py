"""An error of the monitor's own in one of several items takes none of the others with it, and is counted."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, Info
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from django.template import NodeList
from django.template.base import TextNode
from django.template.context import Context

from signal_monitor import apps, checks
from signal_monitor.dashboard.pages.base import PartNode
from signal_monitor.database.transactions import attribute_of
from signal_monitor.errors import done_for_each, errors, guarded
from signal_monitor.finding import Finding
from signal_monitor.findings import engine, static, system_checks
from signal_monitor.findings.rules import NotRun
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.instrumentation.info import receiver_info
from signal_monitor.instrumentation.record_queue import RecordQueue
from signal_monitor.observers.base import BaseObserver
from signal_monitor.observers.store_writer import StoreWriter
from signal_monitor.pipeline import Pipeline
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Request, RunningCall
from signal_monitor.registry import live
from signal_monitor.registry.live import live_signals
from signal_monitor.stores import open_store
from signal_monitor.stores.base import Batch, Totals
from signal_monitor.stores.memory import MemoryStore

_set_async_exc: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
Case = Callable[[pytest.MonkeyPatch, Path], Sequence[str]]
FOUND = NotRun().finding("receiver", "good", "It never runs.")


def fail(*_args: object, **_kwargs: object) -> Any:
    raise LookupError("a fault of ours")


class Faulty(BaseObserver):
    """Fails in everything."""

    wanted = forget = fill = refused = tick = observe = fail


class Good(BaseObserver):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def wanted(self) -> int:
        self.told.append("wanted")
        return 0

    def forget(self) -> None:
        self.told.append("forget")

    def fill(self, batch: Batch) -> None:
        batch.totals = [Totals("receiver", "good")]


class Rule:
    """A rule of any kind."""

    certain = True

    def check(self, _given: object) -> Iterator[Finding]:
        yield FOUND


class FaultyRule(Rule):
    check = fail


def system_check(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    def good() -> Iterator[CheckMessage]:
        yield Info("good")

    patch.setattr(checks, "CHECKS", (fail, good))
    return [message.msg for message in checks.check_setup(None)]


def noted_rule(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    patch.setattr(system_checks, "NOTED_RULES", (FaultyRule(), Rule()))
    patch.setattr(system_checks, "findings_here", lambda **_kwargs: [])
    return ["good" for _message in system_checks.messages()]


def message_of_a_finding(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    patch.setattr(system_checks, "NOTED_RULES", ())
    patch.setattr(system_checks, "findings_here", lambda **_kwargs: [object(), FOUND])
    patch.setattr(system_checks, "unsilenced", list)
    return ["good" for _message in system_checks.messages()]


def record_rule(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    patch.setattr(engine, "RECORD_RULES", (FaultyRule(), Rule()))
    return [finding.subject for finding in engine._all(Snapshot())]


def registry_rule(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    patch.setattr(static, "REGISTRY_RULES", (FaultyRule(), Rule()))
    return [finding.subject for finding in static.findings_among(())]


def observer_in_a_fork(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    good = Good()
    Pipeline(RecordConverter(ThisProcess()), [Faulty(), good], RecordQueue()).forget()
    return ["good" for told in good.told if told == "forget"]


def choice_of_an_observer(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    good = Good()
    (queue := RecordQueue()).append(object())
    Pipeline(RecordConverter(ThisProcess()), [Faulty(), good], queue).flush()
    return ["good" for told in good.told if told == "wanted"]


def running_calls(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    return _stored([Good()], fail, tuple)


def running_requests(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    return _stored([Good()], tuple, fail)


def source_of_a_batch(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    return _stored([Faulty(), Good()], tuple, tuple)


def _stored(
    sources: Sequence[BaseObserver],
    running: Callable[[], tuple[RunningCall, ...]],
    requests: Callable[[], tuple[Request, ...]],
) -> Sequence[str]:
    store, process = MemoryStore(), ThisProcess()
    process.dispatches = 1
    StoreWriter(process, store, sources, running, requests).flush()
    return [row.key for row in store.totals("receiver")]


def record_of_a_batch(_patch: pytest.MonkeyPatch, path: Path) -> Sequence[str]:
    store = open_store(f"sqlite:///{path}/store.sqlite3")
    batch = Batch(ThisProcess().describe(()))
    odd: Any = object()
    request = Request(id="good", method="GET", path="/", started_at=1.0, duration_ns=1)
    batch.requests = [Request(id="odd", method="GET", path=odd, started_at=1.0, duration_ns=1), request]
    store.write(batch)
    stored = [row.id for row in store.requests(10)]
    store.close()
    return stored


def connection_of_a_signal(patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    def odd(**_kwargs: object) -> None: ...
    def good(**_kwargs: object) -> None: ...

    made, original = Signal(), receiver_info
    made.connect(odd)
    made.connect(good)
    patch.setattr(live, "receiver_info", lambda receiver: fail() if receiver is odd else original(receiver))
    (found,) = (signal for signal in live_signals() if signal.signal is made)
    return [connection.name.rpartition(".")[2] for connection in found.connections]


def part_of_a_page(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    class FaultyNode(TextNode):
        render = render_annotated = fail

    nodes = [PartNode("odd", NodeList([FaultyNode("")])), PartNode("good", NodeList([TextNode("good")]))]
    html = NodeList(nodes).render(Context())
    assert "This part of the page cannot be shown." in html
    return [html.rpartition(">")[2]]


def step_of_the_start(_patch: pytest.MonkeyPatch, _path: Path) -> Sequence[str]:
    done: list[str] = []
    for step in (fail, lambda: done.append("good")):
        apps._attempt(step)
    return done


CASES: Sequence[Case] = (
    system_check,
    noted_rule,
    message_of_a_finding,
    record_rule,
    registry_rule,
    observer_in_a_fork,
    choice_of_an_observer,
    running_calls,
    running_requests,
    source_of_a_batch,
    record_of_a_batch,
    connection_of_a_signal,
    part_of_a_page,
    step_of_the_start,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_one_that_fails_takes_no_other_with_it(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = errors.count
    assert case(monkeypatch, tmp_path) == ["good"]
    assert errors.count > before


def test_a_wrong_setting_ends_the_start() -> None:
    def refuse() -> None:
        raise ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured):
        apps._attempt(refuse)


def test_an_interruption_of_the_application_passes() -> None:
    def interrupt(_item: object) -> None:
        raise TimeoutError  # by a handler, as in a flush of the application's

    before = signal.signal(signal.SIGUSR1, lambda *_args: interrupt(None))
    try:
        with pytest.raises(TimeoutError):
            done_for_each("a test", lambda _item: signal.raise_signal(signal.SIGUSR1), [1])
    finally:
        signal.signal(signal.SIGUSR1, before)


class LimitError(Exception):
    """What a time limit raises."""


def strike() -> None:
    """Have a time limit strike in this thread, at the next instruction that looks."""
    _set_async_exc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(LimitError))
    for _ in range(1000):
        pass


class StruckCursor:
    """A driver's object, in whose code a time limit strikes."""

    @property
    def rowcount(self) -> int:
        strike()
        return 1


@pytest.mark.parametrize("in_send", [True, False])
def test_a_time_limit_passes_wherever_it_strikes(*, in_send: bool) -> None:
    before = errors.count
    with pytest.raises(LimitError):
        guarded("a test", None, in_send=in_send)(strike)()
    with pytest.raises(LimitError):
        attribute_of(StruckCursor(), "rowcount", 0)
    assert errors.count == before
