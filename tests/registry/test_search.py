"""The search for signals and senders does not disturb the application."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from django.dispatch import Signal

from signal_monitor.registry.search import classes_by_id, find_signals


class Meta(type):
    """A class of classes that hides its subclasses."""

    def __subclasses__(cls) -> list[type]:
        raise AssertionError("the search runs no code of classes")


class Sender(metaclass=Meta):
    """A sender that is no model."""


class Deeper(Sender):
    """A subclass that only ``type`` itself tells of."""


@pytest.fixture
def _impatient_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_impatient_threads")
def test_a_thread_that_fills_a_tuple_meanwhile_can_finish_it() -> None:
    stopped, errors, made = threading.Event(), list[BaseException](), list[int]()

    def fill() -> None:
        while not stopped.is_set():
            try:
                made.append(len(tuple(number for number in range(200))))
            except SystemError as error:
                errors.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    for number in range(20):
        classes_by_id({-1 - number})  # an id that no object has
        find_signals()
    stopped.set()
    thread.join()
    assert made
    assert not errors


def test_all_classes_are_found_without_running_their_code() -> None:
    wanted = {id(cls): cls for cls in (Sender, Deeper, Meta, Signal, type, object)}
    assert classes_by_id(wanted.keys()) == wanted
