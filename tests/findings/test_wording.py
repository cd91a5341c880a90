"""Names as the sentences of findings have them."""

from __future__ import annotations

import pytest

from signal_monitor.findings.wording import short


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.receivers.add_up", "add_up"),
        ("shop.cart.Cart.add_up", "Cart.add_up"),
        ("shop.make.<locals>.receive", "receive"),
        ("partial(shop.receivers.count, rate=1.5)", "partial(count, rate=1.5)"),
        ("shop.receivers.handle(shop.models.Order, shop.models.Cart.total)", "handle(Order, Cart.total)"),
    ],
)
def test_the_last_part_of_a_name_is_shown(name: str, expected: str) -> None:
    assert short(name) == expected
