"""Leaves the values out of the text of a statement: each becomes ``?``.

The text is read once, from left to right, as the database does: quotes, comments and numbers in order. Where it is
not certain where a value ends, the rest of the text is left out.
"""

from __future__ import annotations

import re
from functools import cache, partial

_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"
"""A comment without another one inside; some databases nest them."""
_TEXT = r"'(?:[^']++|'')*+'"
_TEXT_WITH_ESCAPES = r"'(?:[^'\\]++|\\[^']|'')*+'"
"""A backslash before a quote is not certain: whether it escapes the quote is a setting of most databases."""
_OTHER_TEXT = rf"(?<!\w)[nN]?[qQ]'.*|{_TEXT_WITH_ESCAPES}"
_ESCAPE = r"(?:(?<=ESCAPE )|(?<=TRANSLATE\())'\\'"
"""The escape character of LIKE, as Django writes it."""
_QUOTED = r'"(?:[^"]++|"")*+"'
_QUOTED_WITH_ESCAPES = r'"(?:[^"\\]++|\\[^"]|"")*+"'
_DOLLARS = r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"
_OPEN_DOLLARS = r"(?<![\w$])\$(?:[^\W\d]\w*)?\$.*"
_NUMBER = r"(?<![\w\"`.$])-?\.?\d(?:[\w.]*[eE][+-]\d+|[\w.]*)"
_NAMES = {"sqlite": r"`[^`]*+`?|\[[^\]]*+\]?", "mysql": r"`[^`]*+`?", "microsoft": r"\[[^\]]*+\]?"}
_WITHOUT_DOLLARS = frozenset({"sqlite", "mysql", "oracle", "microsoft"})
_BEFORE_NAME = re.compile(
    r"(?:\b(?:AS|(?<!DISTINCT )FROM|INTO|UPDATE|JOIN|TABLE|INDEX|EXISTS|BY)\s|\.)\s*$", re.IGNORECASE
)
_BEFORE_COLUMN = re.compile(r"(?:\bSET|,)\s*$", re.IGNORECASE)
_AFTER_COLUMN = re.compile(r"\s*=")
_LOOK_BACK = 40


@cache
def _tokens(vendor: str) -> re.Pattern[str]:
    """What the text of a statement is made of, as far as it matters here."""
    line_end = r"[^\r\n]*" if vendor == "postgresql" else r"[^\n]*"
    comments = rf"--(?=\s|$){line_end}|\#{line_end}" if vendor == "mysql" else rf"--{line_end}"
    parts = {
        "comment": rf"{_COMMENT}|{comments}",
        "text": _TEXT if vendor == "sqlite" else _OTHER_TEXT if vendor == "mysql" else rf"{_ESCAPE}|{_OTHER_TEXT}",
        "quoted": _QUOTED_WITH_ESCAPES if vendor == "mysql" else _QUOTED,
        "name": _NAMES.get(vendor, "(?!)"),
        "dollars": "(?!)" if vendor in _WITHOUT_DOLLARS else _DOLLARS,
        "open": rf"/\*.*|['\"].*{'' if vendor in _WITHOUT_DOLLARS else f'|{_OPEN_DOLLARS}'}",
        "number": _NUMBER,
    }
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in parts.items()), re.DOTALL)


def without_values(sql: str, vendor: str) -> str:
    """The text of a statement with ``?`` for each value, and without comments."""
    return _tokens(vendor).sub(partial(_replacement, vendor), sql)


def _replacement(vendor: str, token: re.Match[str]) -> str:
    kind = token.lastgroup
    if kind == "comment":
        return " "
    if kind == "name" or (kind == "quoted" and vendor != "mysql" and (vendor != "sqlite" or _is_name(token))):
        return token.group()
    return "?"


def _is_name(token: re.Match[str]) -> bool:
    """Whether what is in double quotes is certainly a name: SQLite takes it as a text where there is no such column."""
    sql, start, end = token.string, token.start(), token.end()
    before = sql[max(0, start - _LOOK_BACK) : start]
    if sql[end : end + 1] == "." or _BEFORE_NAME.search(before) is not None:
        return True
    return _BEFORE_COLUMN.search(before) is not None and _AFTER_COLUMN.match(sql, end) is not None
