"""Names of every kind of signal, receiver, sender and exception."""

from __future__ import annotations

import functools
import subprocess
import sys
import types
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.utils.functional import SimpleLazyObject

from signal_monitor import names
from signal_monitor.instrumentation.info import signal_info
from signal_monitor.text import MAX_LENGTH

HERE = __name__
named_signal = Signal()


class Holder:
    held_signal = Signal()

    def method(self, **kwargs: Any) -> None: ...

    @staticmethod
    def static(**kwargs: Any) -> None: ...

    def __call__(self, **kwargs: Any) -> None: ...


class Hostile:
    """Breaks whoever asks it for more than its class."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def __repr__(self) -> str:
        raise AssertionError

    def __call__(self, **kwargs: Any) -> None: ...


def function(**kwargs: Any) -> None: ...


async def afunction(**kwargs: Any) -> None: ...


@functools.wraps(function)
def wrapper(**kwargs: Any) -> None: ...


unnamed = lambda **kwargs: None  # noqa: E731 - the kind that is tested


@pytest.mark.parametrize(
    ("receiver", "name"),
    [
        (function, f"{HERE}.function"),
        (afunction, f"{HERE}.afunction"),
        (wrapper, f"{HERE}.function"),
        (Holder().method, f"{HERE}.Holder.method"),
        (Holder.static, f"{HERE}.Holder.static"),
        (Holder(), f"{HERE}.Holder"),
        (Holder, f"{HERE}.Holder"),
        (functools.partial(function), f"partial({HERE}.function)"),
        (functools.partial(functools.partial(Holder().method)), f"partial({HERE}.Holder.method)"),
        (print, "builtins.print"),
    ],
)
def test_receivers(receiver: object, name: str) -> None:
    assert names.receiver_name(receiver) == name


def test_hostile_objects_are_named_by_their_class() -> None:
    assert names.receiver_name(Hostile()) == f"{HERE}.Hostile"
    assert names.sender_name(Hostile()) == f"{HERE}.Hostile instance"
    assert names.error_message(ValueError("kept", Hostile())) == "kept"
    assert names.error_message(ValueError(Hostile())) is None


def test_lazy_sender_is_not_evaluated() -> None:
    assert names.sender_name(SimpleLazyObject(exploding)) == "django.utils.functional.SimpleLazyObject instance"


def test_lambda_is_told_from_others_by_its_line() -> None:
    assert names.receiver_name(unnamed) == f"{HERE}.<lambda>:{unnamed.__code__.co_firstlineno}"


def test_source_is_seen_through_wrappers_partials_and_objects() -> None:
    line = function.__code__.co_firstlineno
    for receiver in (function, wrapper, functools.partial(wrapper)):
        assert names.receiver_source(receiver) == (__file__, line)
    assert names.receiver_source(Holder()) == (__file__, Holder.__call__.__code__.co_firstlineno)
    assert names.receiver_source(print) is None


def test_source_of_wrappers_that_wrap_each_other() -> None:
    def one() -> None: ...
    def two() -> None: ...

    one.__wrapped__, two.__wrapped__ = two, one  # type: ignore[attr-defined]

    source = names.receiver_source(one)
    assert source is not None
    assert source.path == __file__


def exploding() -> str:
    raise AssertionError("evaluated")


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (None, "None"),
        (User, "django.contrib.auth.models.User"),
        ("a string", "a string"),
        (User(username="x"), "django.contrib.auth.models.User instance"),
        (function, f"{HERE}.function"),
        (Holder().method, f"{HERE}.Holder.method"),
        (types, "types"),
        (42, "42"),
        (True, "True"),
        (b"raw", "b'raw'"),
        (("a", "tuple"), "tuple instance"),
    ],
)
def test_senders(sender: object, name: str) -> None:
    assert names.sender_name(sender) == name


def test_long_names_are_cut() -> None:
    assert len(names.sender_name("x" * 10_000)) == MAX_LENGTH


def test_string_of_a_subclass_is_read_without_its_code() -> None:
    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise AssertionError

    assert names.sender_name(Loud("quiet")) == "quiet"


def test_class_with_a_hostile_metaclass() -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError(name)

    hostile = Meta("Thing", (), {"__module__": "shop"})

    assert names.sender_name(hostile) == "shop.Thing"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(), None),
        (ValueError("bad", 3, 2.5), "bad, 3, 2.5"),
        (KeyError("key"), "key"),
        (OSError(2, "No such file"), "2, No such file"),
    ],
)
def test_error_messages(error: BaseException, message: str | None) -> None:
    assert names.error_message(error) == message


def test_error_whose_args_are_computed() -> None:
    class LazyError(Exception):
        @property
        def args(self) -> Any:  # type: ignore[override]
            raise AssertionError

    assert names.error_message(LazyError("plain")) == "plain"


def test_signals_are_named_by_the_module_that_defines_them() -> None:
    assert signal_info(named_signal).name == f"{HERE}.named_signal"
    assert signal_info(Holder.held_signal).name == f"{HERE}.Holder.held_signal"
    assert signal_info(post_save).name == "django.db.models.signals.post_save"


def test_signal_that_nobody_named_is_named_by_where_it_was_made() -> None:
    def made() -> Signal:
        return Signal()

    first, second = signal_info(made()).name, signal_info(made()).name
    other = signal_info(Signal()).name

    assert first == second
    assert first.startswith(f"{HERE}.signal-")
    assert other != first


def test_names_are_the_same_in_every_process() -> None:
    script = (
        "import signal_monitor; signal_monitor.instrument()\n"
        "from django.dispatch import Signal\n"
        "from signal_monitor.instrumentation.info import signal_info\n"
        "print(signal_info([Signal()][0]).name)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]

    assert runs[0] == runs[1]
    assert "__main__.signal-" in runs[0]
