"""What ``connect`` and ``disconnect`` answer, raise and leave behind."""

from __future__ import annotations

import gc
import inspect
import traceback
import warnings
import weakref
from typing import Any

from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from tests.transparency.scenario import scenario


def receive(**kwargs: Any) -> None: ...


class Desk:
    def receive(self, **kwargs: Any) -> None: ...


@scenario()
def answers() -> list[Any]:
    signal: Any = Signal()
    return [
        signal.connect(receive),
        signal.connect(receive, Desk, False, "uid"),  # noqa: FBT003 - by position
        len(signal.receivers),
        signal.disconnect(receive),
        signal.disconnect(receive),
        signal.disconnect(receive, Desk, "uid"),
        len(signal.receivers),
    ]


@scenario(
    {"no receiver": ((), {}), "too many": ((receive, None, True, "uid", 1), {}), "unknown": ((receive,), {"x": 1})}
)
def errors(given: tuple[tuple[Any, ...], dict[str, Any]]) -> list[str]:
    args, kwargs = given
    told = []
    for method in (Signal().connect, Signal().disconnect):
        try:
            method(*args, **kwargs)
        except TypeError as error:
            told.append(str(error))
    return told


@scenario()
def a_receiver_that_has_no_weak_reference() -> str:
    try:
        Signal().connect(vars(int)["__add__"].__get__(1))
    except TypeError as error:
        return f"{error} {traceback.extract_tb(error.__traceback__)[-1].name}"
    return "connected"


@scenario()
def signatures() -> list[str]:
    methods = (Signal.connect, Signal.disconnect, ModelSignal.connect, ModelSignal.disconnect)
    return [f"{inspect.signature(method)} {method.__qualname__} {len(inspect.getsource(method))}" for method in methods]


@scenario()
def an_override_calls_super() -> list[Any]:
    class Counted(Signal):
        calls = 0

        def connect(self, *args: Any, **kwargs: Any) -> None:
            self.calls += 1
            super().connect(*args, **kwargs)

    signal = Counted()
    signal.connect(receive)
    return [signal.calls, len(signal.receivers)]


@scenario()
def a_warning_of_a_receiver_names_the_caller() -> list[int]:
    class Asked:
        def __call__(self, **kwargs: Any) -> None: ...

        @property
        def __self__(self) -> None:
            warnings.warn("asked", stacklevel=3)
            raise AttributeError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Signal().connect(Asked())
    return [each.lineno for each in caught]


@scenario()
def nothing_is_kept_alive() -> list[bool]:
    signal, sender, desk = Signal(), type("Sender", (), {}), Desk()
    references = [weakref.ref(each) for each in (signal, sender, desk)]
    signal.connect(desk.receive, sender=sender)
    del signal, sender, desk
    gc.collect()
    return [reference() is None for reference in references]
