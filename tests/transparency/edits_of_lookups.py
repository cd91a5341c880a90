"""Edits of the method by which a signal finds its receivers, on an instance and on the class."""

from __future__ import annotations

import types
from typing import Any
from unittest import mock

from django.dispatch import Signal

from .edits import EDITS, edit, later, one, three, two

__all__ = ["EDITS"]  # with these


def found(*receivers: Any) -> Any:
    """A ``_live_receivers`` that finds these."""
    return lambda sender, *more: (list(receivers), [])


@edit
def found_by_the_instance(made: Any) -> Any:
    made._live_receivers = found(three)
    return lambda: delattr(made, "_live_receivers")


@edit
def found_by_a_method_of_the_instance(made: Any) -> Any:
    made._live_receivers = types.MethodType(lambda self, sender: ([two, self.third], []), made)
    made.third = three
    return lambda: delattr(made, "_live_receivers")


@edit
def found_by_a_mock_of_the_instance(made: Any) -> Any:
    patch: Any = mock.patch.object(made, "_live_receivers", return_value=([three], [later]))
    patch.start()
    return patch.stop


@edit
def found_by_the_class(made: Any) -> Any:
    patch: Any = mock.patch.object(Signal, "_live_receivers", found(one, three))
    patch.start()
    return patch.stop


@edit
def found_by_a_wrapper_on_the_class(made: Any) -> Any:
    original: Any = Signal._live_receivers

    def wrapper(self: Any, sender: Any) -> Any:
        sync, others = original(self, sender)
        return sync[::-1], others

    patch = mock.patch.object(Signal, "_live_receivers", wrapper)
    patch.start()
    return patch.stop


@edit
def send_on_the_instance(made: Any) -> Any:
    made.send = lambda sender, **named: [(three, "own")]
    return lambda: delattr(made, "send")


@edit
def class_replaced(made: Any) -> Any:
    class Other(type(made)):  # type: ignore[misc]
        def _live_receivers(self, sender: Any) -> Any:
            return [three], []

    before, made.__class__ = type(made), Other
    return lambda: setattr(made, "__class__", before)
