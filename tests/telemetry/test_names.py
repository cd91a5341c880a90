"""The names of receivers' spans."""

from __future__ import annotations

import sys
import types
from functools import partial
from typing import Any

import pytest

from signal_monitor.instrumentation.info import ReceiverInfo
from signal_monitor.names import Apps
from signal_monitor.telemetry.attributes import ReceiverNames, dispatch_name
from signal_monitor.thresholds import SlowLimits


def defined(module: str, name: str) -> Any:
    """A function that a module defines, loaded for the test."""

    def function(**kwargs: Any) -> None: ...

    function.__module__, function.__name__, function.__qualname__ = module, name, name
    vars(sys.modules[module])[name] = function
    return function


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of a project with two apps, one of them inside the other's package."""
    for name in ("site1", "site1.shop", "site1.shop.receivers", "site1.shop.mail", "site1.shop.till", "site1.tools"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))


def name_of(receiver: object) -> str:
    names = ReceiverNames(Apps(lambda: ["site1.shop", "site1.shop.till"]))
    return names.of(ReceiverInfo(receiver, SlowLimits()))


@pytest.mark.usefixtures("modules")
def test_label_of_the_app_comes_before_the_name() -> None:
    assert name_of(defined("site1.shop.receivers", "pay")) == "receive shop.pay"
    assert name_of(defined("site1.shop", "pay_later")) == "receive shop.pay_later"
    assert name_of(defined("site1.shop.till", "ring")) == "receive till.ring"


@pytest.mark.usefixtures("modules")
def test_module_is_added_where_two_modules_of_an_app_define_the_name() -> None:
    first, second = defined("site1.shop.receivers", "pay"), defined("site1.shop.mail", "pay")
    vars(sys.modules["site1.tools"])["pay"] = first  # imported there, and no part of the app
    vars(sys.modules["site1.shop"])["pay"] = second  # imported there
    assert name_of(first) == "receive shop.receivers.pay"
    assert name_of(second) == "receive shop.mail.pay"


@pytest.mark.usefixtures("modules")
def test_receiver_of_no_app_has_its_module() -> None:
    assert name_of(defined("site1.tools", "count")) == "receive site1.tools.count"


@pytest.mark.usefixtures("modules")
def test_partial_and_callable_object() -> None:
    assert name_of(partial(defined("site1.shop.receivers", "pay"), 1)) == "receive shop.partial(pay)"
    kind = type("Mailer", (), {"__module__": "site1.shop.receivers", "__call__": lambda self, **kwargs: None})
    assert name_of(kind()) == "receive shop.Mailer"


@pytest.mark.usefixtures("modules")
def test_module_is_added_to_a_partial_with_arguments() -> None:
    first, _second = defined("site1.shop.receivers", "pay"), defined("site1.shop.mail", "pay")
    assert name_of(partial(first, a=1)) == "receive shop.receivers.partial(pay, a=1)"


@pytest.mark.usefixtures("modules")
def test_long_names_differ_where_they_differ() -> None:
    start, end = "a" * 90, "z" * 90
    names = {name_of(defined("site1.tools", f"{start}{middle}{end}")) for middle in ("1", "2")}
    assert len(names) == 2


def test_key_of_a_signal_is_in_the_name_of_a_dispatch() -> None:
    assert dispatch_name("shop.events.EVENTS['order.paid']") == "send EVENTS['order.paid']"
