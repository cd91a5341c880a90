"""Whether the records tell what happened: every dispatch once, with its receivers, outcomes and parent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from signal_monitor.instrumentation.info import signal_info
from signal_monitor.names.patterns import NUMBER
from signal_monitor.records import Amendment, Dispatch, Outcome, ReceiverCall

from .journal import Call, Sent
from .world import World

# Receivers that run, or end, where the monitor does not look: in a task of their own, or before they are awaited.
ELSEWHERE = {"task", "refusing"}
# What Django takes for synchronous, because it is not marked: the call is over when its coroutine is made.
UNAWAITED = "acallable"


class Truth:
    """Compares the records of one step with a world's journal."""

    def __init__(self, world: World, records: Sequence[Dispatch], amendments: Sequence[Amendment]) -> None:
        self.world = world
        self.records = list(records)
        self.amendments = list(amendments)
        self.record_of: dict[int, Dispatch] = {}

    def check(self) -> None:
        """Assert it; both sides are in the order in which dispatches ended."""
        sends = sorted(self.world.journal.sends.values(), key=lambda sent: sent.ended)
        due = sum(_has_reached(sent) for sent in sends)
        waiting = list(self.records)
        assert len(waiting) >= due, "a dispatch was not recorded"
        for sent in sends:
            if _has_reached(sent) or (len(waiting) > due and self._may_be(sent, waiting[0])):
                self.record_of[sent.number] = waiting.pop(0)
                due -= _has_reached(sent)
        assert not waiting, f"recorded, but never dispatched: {waiting}"
        for number, record in self.record_of.items():
            self._check_dispatch(self.world.journal.sends[number], record)

    def _may_be(self, sent: Sent, record: Dispatch) -> bool:
        """Whether a record is of a dispatch that raised before any receiver was entered."""
        return (
            sent.answered is None
            and "self" not in sent.action.named
            and self._title(sent) == (record.signal, record.sender, record.method)
            and (record.depth == sent.depth or not self._is_placed(sent))
            and all(map(self._may_be_unentered, record.calls))
        )

    def _title(self, sent: Sent) -> tuple[str, str, str]:
        return (signal_info(self.world.signals[sent.signal]).name, sent.sender, sent.method)

    def _is_placed(self, sent: Sent) -> bool:
        """Whether the monitor sees the receiver calls around a dispatch."""
        parent = sent.parent
        return parent is None or (self.world.kinds[parent.tag] not in ELSEWHERE and self._is_placed(parent.sent))

    def _check_dispatch(self, sent: Sent, record: Dispatch) -> None:
        title = (record.signal, record.sender, record.method)
        assert title == self._title(sent), f"{title} instead of {self._title(sent)}"
        assert record.blocked_loop is False or not sent.method.startswith("a")
        if self._is_placed(sent):
            self._check_parent(sent, record)
        entered = [call for call in sent.calls if not call.is_async]
        aentered = [call for call in sent.calls if call.is_async]
        for call in record.calls:
            expected = aentered if call.is_async else entered
            found = next((item for item in expected if self._is_record_of(call, item, sent)), None)
            if found is None:
                assert self._may_be_unentered(call), f"recorded, but never called: {call}, of {expected}"
            else:
                assert call.is_async or found is entered[0], f"recorded in another order: {call}"
                expected.remove(found)
        assert not entered, f"called, but not recorded: {entered} in {record}"
        assert not aentered, f"called, but not recorded: {aentered} in {record}"
        self._check_amendments(sent, record)

    def _check_parent(self, sent: Sent, record: Dispatch) -> None:
        assert record.depth == sent.depth, f"{record.depth} deep instead of {sent.depth}: {record}"
        if sent.parent is None:
            assert (record.parent_id, record.parent_index) == (None, None)
            assert record.root_id == record.id
        else:
            outer = self.record_of[sent.parent.sent.number]
            above = (record.parent_id, record.root_id)
            assert above == (outer.id, outer.root_id), f"{above} instead of {outer}, around {record}"
            assert record.parent_index is not None
            caller = unnumbered(outer.calls[record.parent_index].receiver)
            assert caller == self.world.names[sent.parent.tag], f"sent by {caller}: {record}, in {outer}"

    def _check_amendments(self, sent: Sent, record: Dispatch) -> None:
        amended = [amendment for amendment in self.amendments if amendment.dispatch_id == record.id]
        late = [call for call in sent.calls if call.ended > sent.ended]
        assert len(amended) >= len(late), f"not amended: {late} in {record}"

    def _is_record_of(self, call: ReceiverCall, entered: Call, sent: Sent) -> bool:
        return unnumbered(call.receiver) == self.world.names[entered.tag] and (
            self.world.kinds[entered.tag] in ELSEWHERE or call.outcome in _outcomes(entered, sent)
        )

    def _may_be_unentered(self, call: ReceiverCall) -> bool:
        unawaited = (self.world.names[tag] for tag, kind in self.world.kinds.items() if kind == UNAWAITED)
        return call.outcome != "ok" or unnumbered(call.receiver) in unawaited


def unnumbered(name: str) -> str:
    """A name without the number that tells a receiver from others of this name."""
    return NUMBER.sub("", name)


def _has_reached(sent: Sent) -> bool:
    """Whether a receiver was called; one that was not entered may still have given a response."""
    return bool(sent.calls or sent.answered)


def _outcomes(call: Call, sent: Sent) -> Iterable[Outcome]:
    """What a call that was entered may be recorded as."""
    if call.begun > sent.ended:
        return {"late", "not_run"}
    if not call.ended or call.ended > sent.ended:
        return {"late"}
    if call.error is None:
        return {"ok"}
    if call.is_async and issubclass(call.error, asyncio.CancelledError | GeneratorExit):
        return {"cancelled"}
    return {"swallowed" if sent.is_robust and issubclass(call.error, Exception) else "raised"}
