"""Patterns of names in settings: they match a name with and without what tells it from others of the same function."""

from __future__ import annotations

import fnmatch
import re

NUMBER = re.compile(r" #\d+$")
VALUES = re.compile(r"(?<=.)\((?:(?:function|[^(),]+)=.*)\)$", re.DOTALL)
VALUES_OF_PARTIAL = re.compile(r"^(partial(?:method)?\([^,]+), .+\)$", re.DOTALL)


def variants(name: str) -> tuple[str, ...]:
    """A name, and the same without its number and without the values that a receiver was made with."""
    plain = NUMBER.sub("", name)
    bare = VALUES_OF_PARTIAL.sub(r"\1)", VALUES.sub("", plain))
    return tuple(dict.fromkeys((name, plain, bare)))


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern of shell wildcards matches a name, with or without its number and values."""
    return any(fnmatch.fnmatchcase(variant, pattern) for variant in variants(name))
