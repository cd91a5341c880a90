"""Checks of values that come from the file: the pages rely on the types that records declare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

MAX_NUMBER = 2.0**63
MAX_SECONDS = 1e11
"""A time that every clock can show."""
MAX_SIGNATURES = 1_000

Check = Callable[[Any], bool]


def checker_of(record_type: type, names: Sequence[str]) -> Callable[[Sequence[object]], bool]:
    """A function that says whether values are what the fields of these names may have, in this order."""
    hints = get_type_hints(record_type)
    kinds = [_kinds_of(hints[name]) for name in names]
    value_checks = [(place, check) for place, name in enumerate(names) if (check := _check_of(hints[name])) is not None]
    known: set[tuple[type, ...]] = set()

    def have_types(values: Sequence[object]) -> bool:
        signature = tuple(map(type, values))
        if signature in known:  # most rows have the same types
            return True
        if len(signature) != len(kinds) or not all(
            kind in allowed for kind, allowed in zip(signature, kinds, strict=True)
        ):
            return False
        if len(known) < MAX_SIGNATURES:
            known.add(signature)
        return True

    def are_valid(values: Sequence[object]) -> bool:
        return have_types(values) and all(values[at] is None or check(values[at]) for at, check in value_checks)

    return are_valid


def _parts(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type in any form
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _kinds_of(hint: Any) -> frozenset[type]:  # noqa: ANN401 - a type in any form
    kinds: set[type] = set()
    for part in _parts(hint):
        origin = get_origin(part)
        kinds |= {float, int} if part is float else {str if origin is Literal else origin or part}
    return frozenset(kinds)


def _check_of(hint: Any) -> Check | None:  # noqa: ANN401 - a type in any form
    """What a value of the right type has to fulfil besides."""
    for part in _parts(hint):
        if part is float:
            return lambda value: -MAX_SECONDS < value < MAX_SECONDS
        if part is int:
            return lambda value: -MAX_NUMBER < value < MAX_NUMBER
        if get_origin(part) is Literal:
            return frozenset(get_args(part)).__contains__
        if get_origin(part) is dict:
            return _check_of_items(part)
    return None


def _check_of_items(hint: Any) -> Check:  # noqa: ANN401 - a type in any form
    keys, items = map(_kinds_of, get_args(hint))
    return lambda value: all(type(key) in keys and type(item) in items for key, item in value.items())
