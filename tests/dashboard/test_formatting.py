"""Numbers, times and names as a person reads them."""

from __future__ import annotations

import pytest

from signal_monitor.dashboard import formatting


@pytest.mark.parametrize(
    ("duration_ns", "shown"),
    [
        (0, "0 ms"),
        (4_010, "4.01 µs"),
        (99_940, "99.9 µs"),
        (380_000, "0.38 ms"),
        (12_340_000, "12.3 ms"),
        (812_000_000, "812 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1.00 s"),
        (1_240_000_000, "1.24 s"),
        (73_400_000_000, "73.4 s"),
        (125_000_000_000, "2 min 5 s"),
        (7_500_000_000_000, "2 h 5 min"),
    ],
)
def test_duration_has_three_digits_and_a_unit(duration_ns: int, shown: str) -> None:
    assert formatting.duration(duration_ns) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "just now"),
        (0.4, "just now"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_age_has_its_largest_unit(seconds: float, shown: str) -> None:
    assert formatting.age(1_000_000 - seconds, 1_000_000) == shown


@pytest.mark.parametrize(("number", "shown"), [(7, "7"), (301_233, "301,233"), (12_345_678, "12.3 M")])
def test_count_is_grouped(number: int, shown: str) -> None:
    assert formatting.count(number) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "0 %"), (0.004, "under 1 %"), (0.5, "50 %"), (1, "100 %")])
def test_share_is_a_percentage(value: float, shown: str) -> None:
    assert formatting.share(value) == shown


@pytest.mark.parametrize(
    ("name", "module", "last"),
    [
        ("shop.orders.receivers.send_mail", "shop.orders.receivers.", "send_mail"),
        ("shop.search.receivers.indexing.SearchIndex.update", "shop.search.receivers.indexing.SearchIndex.", "update"),
        ("shop.make.<locals>.<lambda>", "shop.make.<locals>.", "<lambda>"),
        ("None", "", "None"),
        ("not. a dotted name", "", "not. a dotted name"),
        ("x" * 100, "", "x" * 100),
        ("", "", ""),
    ],
)
def test_name_is_split_after_its_module(name: str, module: str, last: str) -> None:
    assert formatting.split_name(name) == (module, last)
