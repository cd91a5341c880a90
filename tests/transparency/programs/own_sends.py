"""Send methods that are not Django's, by themselves and under mocks."""

from __future__ import annotations

import inspect
import logging
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from tests.transparency.calls import Sender, call, connected, first, second, third
from tests.transparency.own_signals import (
    AsDict,
    AsGenerator,
    AsTuple,
    Chained,
    Deeper,
    Filtering,
    Loop,
    Mixed,
    OfClass,
    Slots,
    Static,
    Super,
    Swallowing,
    WithBuiltin,
    WithCallable,
    WithGetattr,
    WithMarked,
    WithoutNamed,
    WithPartial,
    WithProperty,
)
from tests.transparency.scenario import attributes_of, outcome, scenario, shown

CLASSES = {
    cls.__name__: cls
    for cls in (
        *(Loop, Super, Deeper, Mixed, Chained, AsDict, AsGenerator, AsTuple, OfClass, Static, WithCallable),
        *(WithPartial, WithProperty, WithBuiltin, WithMarked, WithGetattr, WithoutNamed, Swallowing, Filtering, Slots),
    )
}
NAMES = ("send", "send_robust", "asend", "send_chained")


def listed(answer: Any) -> Any:
    """An answer with its kind, iterated if that is what it is for."""
    kind = type(answer).__name__
    if isinstance(answer, types.GeneratorType):
        answer = list(answer)
    if isinstance(answer, tuple):
        answer = [sorted(map(repr, map(shown, item))) if isinstance(item, set) else shown(item) for item in answer]
    return [kind, shown(answer)]


@scenario(CLASSES)
def answers(cls: Any) -> Any:
    seen = []
    for caching in (False, True):
        made = connected(first, second, third, cls=cls, use_caching=caching)
        for name in NAMES:
            for _ in range(2):
                seen.append(outcome(lambda: listed(call(made, name, Sender, value=3))))  # noqa: B023 - called at once
                seen.append(outcome(lambda: listed(call(made, name, sender=Sender, value=3))))  # noqa: B023 - the same
                seen.append(outcome(lambda: listed(call(made, name))))  # noqa: B023 - the same
    return [*seen, outcome(lambda: listed(cls.send(Sender, value=3)))]


def failing(**named: Any) -> Any:
    raise LookupError("failing")


@scenario(CLASSES)
def errors(cls: Any) -> Any:
    made = connected(first, failing, cls=cls)
    return [outcome(lambda: listed(call(made, name, Sender))) for name in NAMES]  # noqa: B023 - called at once


@scenario(CLASSES)
def looks(cls: Any) -> Any:
    made = connected(cls=cls)
    return [
        [
            outcome(lambda: str(inspect.signature(getattr(of, name)))),  # noqa: B023 - called at once
            outcome(lambda: getattr(of, name).__qualname__),  # noqa: B023 - the same
            outcome(lambda: getattr(of, name).__doc__),  # noqa: B023 - the same
            outcome(lambda: getattr(of, name).__module__),  # noqa: B023 - the same
            outcome(lambda: iscoroutinefunction(getattr(of, name))),  # noqa: B023 - the same
            outcome(lambda: type(getattr(of, name)).__name__),  # noqa: B023 - the same
        ]
        for of in (cls, made)
        for name in NAMES
    ]


FRAMED = {name: CLASSES[name] for name in ("Loop", "Super", "Deeper", "Mixed", "AsDict", "Filtering", "Swallowing")}


@scenario(FRAMED)
def frames_above_a_receiver(cls: Any) -> Any:
    def receiver(**named: Any) -> Any:
        frame: Any = sys._getframe(1)
        names = []
        while frame.f_code.co_name != "frames_above_a_receiver":
            if "importlib._bootstrap" not in frame.f_code.co_filename:  # ours, which stacklevel does not count
                names.append(frame.f_code.co_name)
            frame = frame.f_back
        seen.append(names)

    seen: list[Any] = []
    made = connected(receiver, cls=cls)
    made.send(Sender)
    made.send(Sender)
    return seen


def warn_at(stacklevel: int) -> Callable[..., Any]:
    def receiver(**named: Any) -> Any:
        warnings.warn("receiver", UserWarning, stacklevel=stacklevel)

    return receiver


class Warns(Super):
    """Warns of its callers."""

    def send(self, sender: Any, **named: Any) -> Any:
        warnings.warn("send", UserWarning, stacklevel=2)
        logging.getLogger("programs").warning("send", stacklevel=2)
        return super().send(sender, **named)


def sends(made: Any) -> None:
    made.send(Sender)


@scenario({f"{cls.__name__}-{level}": (cls, level) for cls in (Loop, Super, Mixed, Warns) for level in range(2, 6)})
def stacklevels(row: Any) -> Any:
    cls, level = row
    records: list[Any] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append([record.funcName, record.filename])  # type: ignore[method-assign]
    logging.getLogger("programs").addHandler(handler)
    made = connected(warn_at(level), cls=cls)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sends(made)
        sends(made)
    logging.getLogger("programs").removeHandler(handler)
    return [[item.filename.rpartition("/")[2], _line(item)] for item in caught] + records


def _line(item: Any) -> int | None:
    """The line, in this file alone: another's lines are its own."""
    return item.lineno if item.filename == __file__ else None


def new_class() -> type[Signal]:
    """A class that no instance has been made of."""

    class Sub(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            return super().send(sender, **named)

    return Sub


def calls_of(patched: Any) -> Any:
    return [shown(list(item.args)[-1:]) for item in patched.call_args_list]


PATCHES: dict[str, Callable[[type[Signal]], Any]] = {
    "autospec": lambda cls: mock.patch.object(cls, "send", autospec=True, return_value=[]),
    "magic": lambda cls: mock.patch.object(cls, "send", return_value=[]),
    "wraps": lambda cls: mock.patch.object(cls, "send", autospec=True, side_effect=Signal.send),
    "raises": lambda cls: mock.patch.object(cls, "send", side_effect=LookupError("mocked")),
    "robust": lambda cls: mock.patch.object(cls, "send_robust", autospec=True, return_value=[]),
    "asend": lambda cls: mock.patch.object(cls, "asend", autospec=True, return_value=[]),
    "live": lambda cls: mock.patch.object(cls, "_live_receivers", autospec=True, return_value=([first], [])),
    "connect": lambda cls: mock.patch.object(cls, "connect", autospec=True),
}
TARGETS: dict[str, Callable[[], type[Signal]]] = {
    "new": new_class,
    "own": lambda: Super,
    "loop": lambda: Loop,
    "djangos": lambda: Signal,
    "without_own": lambda: type("Without", (Signal,), {}),
}


@scenario({f"{patch}-{target}": (PATCHES[patch], TARGETS[target]) for patch in PATCHES for target in TARGETS})
def mocked(row: Any) -> Any:
    """A method is replaced before the first instance is made, while one is in use, and back."""
    patch, target = row
    cls = target()
    seen = []
    for _ in range(2):
        with patch(cls) as patched:
            made = connected(second, cls=cls)
            seen.append([outcome(call, made, name, Sender) for name in ("send", "send", "send_robust", "asend")])
            seen.append([patched.called, patched.call_count, calls_of(patched)])
            seen.append([outcome(lambda: getattr(of, name).call_count) for of in (cls, made) for name in NAMES])  # noqa: B023
            seen.append([outcome(lambda: getattr(cls, name) is patched) for name in NAMES])  # noqa: B023
        seen.append([outcome(call, made, name, Sender) for name in ("send", "send_robust", "asend")])
    return seen


@scenario(TARGETS)
def mocked_on_an_instance(target: Any) -> Any:
    made = connected(first, cls=target())
    before = [outcome(made.send, Sender), attributes_of(made)]
    with mock.patch.object(made, "send", autospec=True, return_value=["mocked"]) as patched:
        seen = [made.send(Sender), made.send(sender=None), patched.call_count]
    return [before, seen, outcome(made.send, Sender), attributes_of(made)]


@scenario(TARGETS)
def specified_by_a_class(target: Any) -> Any:
    double: Any = mock.create_autospec(target())
    double.return_value.send(Sender, value=1)
    return [double.return_value.send.call_count, outcome(double.return_value.send)]
