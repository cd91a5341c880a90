"""Patterns of names match a receiver whatever tells it from others of the same function."""

from __future__ import annotations

import pytest

from signal_monitor.names.patterns import matches
from signal_monitor.thresholds import slow_limits


@pytest.mark.parametrize(
    "name",
    [
        "shop.receivers.mail",
        "shop.receivers.mail #2",
        "shop.receivers.mail(retries=3)",
        "shop.receivers.mail(model=shop.models.Order, retries=3) #12",
    ],
)
def test_pattern_of_the_function_matches_all_its_receivers(name: str) -> None:
    assert matches(name, "shop.receivers.mail")
    assert matches(name, "*.mail")
    assert matches(name, name)
    assert not matches(name, "shop.receivers.mai")
    assert slow_limits({"*.mail": 5}).limit_ns(name) == 5_000_000


@pytest.mark.parametrize("name", ["partial(shop.receivers.mail)", "partial(shop.receivers.mail, retries=3) #2"])
def test_pattern_of_a_partial(name: str) -> None:
    assert matches(name, "partial(shop.receivers.mail)")


@pytest.mark.parametrize("name", ["shop.receivers.<lambda>:10", "sync_to_async(shop.receivers.mail)", "f()", "(a=b)"])
def test_other_parentheses_belong_to_the_name(name: str) -> None:
    assert not matches(name, "shop.receivers")
    assert not matches(name, "f")
    assert matches(name, name)
