"""Receivers that call each other in a circle by saving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.argument_use import managers_written, saves_argument
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import listed, named, plural, sent_at, short
from signal_monitor.records import Dispatch, ReceiverCall

from .related_gone import WRITERS

LEAST_ROUNDS = 3
M2M_CHANGED = "django.db.models.signals.m2m_changed"
RECURSION_ERROR = "RecursionError"
ALONE = (
    "Write with `Model.objects.filter(pk=instance.pk).update(…)`, which sends nothing, or set the field in `pre_save`."
)


@dataclass(frozen=True)
class Circle:
    """One round of a circle, the outermost first, and how often it was gone."""

    steps: tuple[Call, ...]
    rounds: int
    dispatches: int
    deepest: Dispatch


class Recursion(RecordRule):
    """Inside a dispatch, the same signal is sent by the same receivers again and again."""

    code = "R206"
    name = "recursion"
    title = "Receivers that call each other in a circle"
    kind = "Too often"
    what = (
        "Every save inside a receiver of `post_save` sends `post_save` again. A guard ends it after some rounds; where "
        "there is none, `RecursionError` does."
    )
    remedy = (
        "In one of them, write with `Model.objects.filter(pk=instance.pk).update(…)`, which sends nothing, or set the "
        "field in `pre_save`."
    )
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "-    instance.number = next_number()",
        "-    instance.save()",
        "+    sender.objects.filter(pk=instance.pk).update(number=next_number())",
    )
    minimum = (
        "The same signal, sender and receiver three times around each other; if one receiver does it alone, it saves "
        "its own `instance`, by its source, or has ended in a `RecursionError`."
    )
    innocent = "A second save under a guard such as `if created`; a receiver that saves the parents in a tree."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, ...], list[Circle]] = {}
        for tree in snapshot.trees.values():
            circle = _circle_in(snapshot, tree)
            if circle is not None:
                key = tuple(sorted({call.receiver for _dispatch, call in circle.steps}))
                found.setdefault(key, []).append(circle)
        for names, circles in found.items():
            yield self._finding(snapshot, names, circles)

    def _finding(self, snapshot: Snapshot, names: Sequence[str], circles: Sequence[Circle]) -> Finding:
        worst = max(circles, key=lambda circle: circle.dispatches)
        first = worst.steps[0][1]
        root = snapshot.by_id.get(worst.deepest.root_id, worst.steps[0][0])
        calls = {call.receiver: call for _dispatch, call in worst.steps}
        if len(names) == 1:
            whom = f"{named(first.receiver, first.path, first.line)} calls itself"
        else:
            whom = f"{listed([named(name, call.path, call.line) for name, call in calls.items()])} call each other"
        sender = sent_at(evidence.began_at(snapshot, root, first))
        began = (
            f"one save{f' by {sender}' if sender else ''} became {plural(worst.dispatches, 'dispatch', 'dispatches')} "
        )
        message = f"{whom}: {began}of the same senders, {worst.deepest.depth + 1} deep. {_path(worst.steps)}."
        is_endless = any(map(_has_overflowed, circles))
        message += " It ended in a `RecursionError`." if is_endless else ""
        dispatches = [circle.deepest for circle in circles]
        more = evidence.of_dispatches(snapshot, dispatches, cost_ns=_cost(snapshot, circles))
        return self.finding(
            "receiver",
            names[0],
            message,
            detail=" ".join(names),
            path=first.path,
            line=first.line,
            level="error" if is_endless else self.level,
            advice=self.remedy if len(names) > 1 else ALONE,
            **more,
        )


def is_in_circle(snapshot: Snapshot, dispatch: Dispatch, call: ReceiverCall) -> bool:
    """Whether a circle of receivers has ended in the RecursionError of a call."""
    if call.failure is None or call.failure.type != RECURSION_ERROR:
        return False
    return _circle_in(snapshot, snapshot.trees.get(dispatch.root_id, ())) is not None


def _has_overflowed(circle: Circle) -> bool:
    return any(call.failure is not None and call.failure.type == RECURSION_ERROR for _dispatch, call in circle.steps)


def _path(steps: Sequence[Call]) -> str:
    """One round: "`Left` → `push_right` → `Right` → `push_left` → `Left`"."""
    parts = [f"`{short(name)}`" for dispatch, call in steps for name in (dispatch.sender, call.receiver)]
    return " → ".join([*parts, f"`{short(steps[0][0].sender)}`"])


def _cost(snapshot: Snapshot, circles: Sequence[Circle]) -> int:
    """Time of the dispatches inside the first one that is part of the circle, in requests."""
    return sum(
        circle.steps[0][1].nested_ns for circle in circles if snapshot.request_of(circle.steps[0][0]) is not None
    )


def _circle_in(snapshot: Snapshot, tree: Sequence[Dispatch]) -> Circle | None:
    deepest = max(tree, key=lambda dispatch: dispatch.depth)
    if deepest.depth < LEAST_ROUNDS - 1:
        return None
    way = [*reversed(list(snapshot.around(deepest)))]
    keys = [(dispatch.signal, dispatch.sender, call.receiver) for dispatch, call in way]
    for start, key in enumerate(keys):
        places = [index for index, other in enumerate(keys) if other == key]
        if places[0] != start:
            continue  # judged where it began
        if len(places) >= LEAST_ROUNDS - 1 and (rounds := len(places) + _comes_again(deepest, key)) >= LEAST_ROUNDS:
            steps = tuple(way[start : places[1]])
            if len({call.receiver for _dispatch, call in steps}) > 1 or _is_circle_alone(*steps[0]):
                senders = {(dispatch.signal, dispatch.sender) for dispatch, _call in steps}
                number = sum((dispatch.signal, dispatch.sender) in senders for dispatch in tree)
                return Circle(steps, rounds, number, deepest)
    return None


def _comes_again(deepest: Dispatch, key: tuple[str, str, str]) -> int:
    """1 if the deepest dispatch, inside which nothing was sent, is one more round."""
    signal, sender, receiver = key
    return int((deepest.signal, deepest.sender) == (signal, sender) and receiver in {c.receiver for c in deepest.calls})


def _is_circle_alone(dispatch: Dispatch, call: ReceiverCall) -> bool:
    """Whether a receiver that calls itself changes its own ``instance``, or has not come to an end by itself."""
    if call.failure is not None and call.failure.type == RECURSION_ERROR:
        return True
    function = function_at(call.path, call.line)
    if function is None:
        return False
    is_changed = dispatch.signal == M2M_CHANGED and bool(managers_written(function, "instance", WRITERS))
    return is_changed or saves_argument(function, "instance")
