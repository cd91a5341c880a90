"""What a statement does, read from its text: its kind, its first table, and the text without values.

Only text is looked at, and only by the worker; a statement that is written in an unusual way may be of kind "other".
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, NamedTuple

from signal_monitor.scrubbing import scrub
from signal_monitor.text import cleaned

from .values import without_values

WRITES = frozenset({"insert", "update", "delete", "replace", "merge"})
CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "START TRANSACTION")
"""How statements begin that control transactions; they are not counted."""
MAX_TEXT = 20_000
"""Of longer statements, the beginning is read."""
MAX_KNOWN = 1_000
MAX_EXAMPLE = 200
MAX_COLUMNS = 40
"""Longer lists of columns are left out of an example."""

_BEGIN_WORDS = (
    "DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|TRANSACTION|TRAN|WORK|ISOLATION|LEVEL|READ|ONLY|WRITE|COMMITTED"
    "|UNCOMMITTED|REPEATABLE|SERIALIZABLE|NOT|DEFERRABLE"
)
_CONTROL = re.compile(
    r"(?:SAVEPOINT|RELEASE|ROLLBACK|COMMIT|START TRANSACTION)\b(?!\s*[(.])"
    rf"|BEGIN(?:[\s,]++(?:{_BEGIN_WORDS})\b)*+\s*;?\s*$"
)
"""A block of a procedural language begins with BEGIN too; a procedure may have such a name."""
_NAME = r"""(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+)"""
_WORK = r"(?:\s+(?:WORK|TRANSACTION|TRAN))?"
_COMMIT = re.compile(rf"\s*COMMIT{_WORK}\s*;?\s*$", re.IGNORECASE)
_ROLLBACK = re.compile(rf"\s*ROLLBACK{_WORK}\s*;?\s*$", re.IGNORECASE)
_SAVEPOINT = re.compile(rf"\s*(SAVEPOINT|ROLLBACK{_WORK}\s+TO(?:\s+SAVEPOINT)?)\s+({_NAME})\s*;?\s*$", re.IGNORECASE)
_LIST = re.compile(r"\(\s*(?:%s|\?)(?:\s*,\s*(?:%s|\?))+\s*\)")
_LISTS = re.compile(r"\(\.\.\.\)(?:\s*,\s*\(\.\.\.\))+")
_SPACE = re.compile(r"\s+")
_COLUMNS = re.compile(r"^SELECT (DISTINCT )?(.*?) FROM ", re.IGNORECASE)
_TABLE = re.compile(
    rf"\b(?:FROM|INTO|UPDATE|JOIN|TABLE)\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)?((?:{_NAME}\.)?{_NAME})", re.IGNORECASE
)
_WITH_WRITE = re.compile(r"\b(INSERT\s+INTO|UPDATE\s|DELETE\s+FROM|MERGE\s+INTO)", re.IGNORECASE)
_ROWS = re.compile(r"\)\s*,\s*\(")


def is_control(sql: str) -> bool:
    """Whether a statement controls transactions."""
    return sql.startswith(CONTROL) and _CONTROL.match(sql) is not None


class Control(NamedTuple):
    """What a statement does to the transaction; ``savepoint`` is the name of the one that it makes or returns to."""

    kind: Literal["commit", "rollback", "savepoint", "rollback to"]
    savepoint: str = ""


def read_control(sql: str) -> Control | None:
    """What a statement does that ends the transaction, or makes a savepoint or returns to one; None for all others."""
    if _COMMIT.match(sql):
        return Control("commit")
    if _ROLLBACK.match(sql):
        return Control("rollback")
    found = _SAVEPOINT.match(sql)
    if found is None:
        return None
    kind: Literal["savepoint", "rollback to"] = "savepoint" if found[1][0] in "sS" else "rollback to"
    return Control(kind, found[2].strip('"`[]'))


class StatementText(NamedTuple):
    """What the text says. ``rows`` is how many rows an INSERT lists; 0 for all others."""

    kind: str
    table: str | None
    example: str
    fingerprint: str
    rows: int = 0

    @property
    def is_write(self) -> bool:
        """Whether it writes rows."""
        return self.kind in WRITES


_known: dict[bytes, StatementText] = {}
"""What was read, by a digest of the text: a text may have values, and be long."""


def read_statement(sql: str, vendor: str) -> StatementText:
    """What a statement does; the worker asks often for the same text."""
    key = hashlib.blake2s(f"{vendor} {sql[:MAX_TEXT]}".encode("utf-8", "backslashreplace"), digest_size=16).digest()
    known = _known.get(key)
    if known is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[key] = _read(sql[:MAX_TEXT], vendor)
    return known


def _read(sql: str, vendor: str) -> StatementText:
    text = without_values(sql, vendor)
    kind = _kind(text)
    shown = _SPACE.sub(" ", _LISTS.sub("(...)", _LIST.sub("(...)", text))).strip()
    fingerprint = hashlib.blake2s(shown.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
    found = _TABLE.search(text)
    rows = _ROWS.subn("", text.upper().partition("VALUES")[2])[1] + 1 if kind == "insert" and "VALUES" in text else 0
    return StatementText(kind, _plain(found.group(1)) if found else None, _example(shown), fingerprint, rows)


def _kind(text: str) -> str:
    word = text.lstrip(" \t\r\n(").partition(" ")[0].partition("\n")[0].lower()
    if word == "with":
        written = _WITH_WRITE.search(text)
        return written.group(1).split()[0].lower() if written else "select"
    return word if word in WRITES or word == "select" else "other"


def _plain(name: str) -> str:
    """A table's name without quotes, and without its schema."""
    return cleaned(scrub(re.findall(_NAME, name)[-1].strip('"`[]')))


def _example(text: str) -> str:
    found = _COLUMNS.match(text)
    if found is not None and len(found.group(2)) > MAX_COLUMNS:
        text = f"{text[: found.start(2)]}...{text[found.end(2) :]}"
    text = scrub(text)
    return cleaned(text if len(text) <= MAX_EXAMPLE else f"{text[: MAX_EXAMPLE - 3]}...")
