"""Cleaning of text: what is escaped, what stays, and what no hostile text can do."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Any

import pytest

from signal_monitor import names
from signal_monitor.errors import logger
from signal_monitor.text import MAX_LENGTH, cleaned, cleaned_lines


class Hostile(str):
    """Breaks whoever calls a method of it."""

    __slots__ = ()

    def _refuse(self, *_args: Any) -> Any:
        raise AssertionError("a method of the text ran")

    __len__ = __str__ = __format__ = __eq__ = __add__ = __getitem__ = __contains__ = __iter__ = _refuse
    isascii = isprintable = encode = startswith = _refuse  # type: ignore[assignment]
    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Käse 北京 привет", "Käse 北京 привет"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\x00b", "a\\x00b"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\x85\x9b2J", "\\x85\\x9b2J"),
        ("\ud800\udcff", "\\ud800\\udcff"),
        ("user\u202etxt.exe\u2066", "user\\u202etxt.exe\\u2066"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("ad\u200bmin\u2060\ufeff\xad", "ad\\u200bmin\\u2060\\ufeff\\xad"),
        ("ad\u200dm\u200cin", "ad\\u200dm\\u200cin"),
        ("\u3164\u2800\u115f", "\\u3164\\u2800\\u115f"),
        ("a\ufe0fb\U000e0041\U000e0100", "a\\ufe0fb\\U000e0041\\U000e0100"),
        ("\uffff\ufdd0", "\\uffff\\ufdd0"),
        ("می‌خواهم 👩‍💻 ❤️ क्‍ष", "می‌خواهم 👩‍💻 ❤️ क्‍ष"),
    ],
)
def test_what_cannot_be_seen_or_stored_is_escaped(text: str, expected: str) -> None:
    assert cleaned(text) == expected
    assert cleaned(expected) == expected


def test_lines_of_a_message_stay() -> None:
    assert cleaned_lines("DETAIL:\n\tKey \x1b[2J\r\n") == "DETAIL:\n\tKey \\x1b[2J\\r\n"


def test_long_text_is_cut_before_it_is_read() -> None:
    text = cleaned("\u202e" * 50_000_000)
    assert len(text) == MAX_LENGTH
    assert text.endswith("…")


@pytest.mark.parametrize("text", ["name", "x" * 1000, "\ud800"])
def test_no_method_of_a_text_is_called(text: str) -> None:
    assert cleaned(Hostile(text)) == cleaned(text)
    assert type(cleaned(Hostile(text))) is str


def test_names_call_no_method_of_a_text() -> None:
    def function() -> None: ...

    function.__qualname__ = function.__name__ = Hostile("odd\x00name")
    kind = type("Kind", (), {})
    kind.__qualname__ = Hostile("Odd\x1bKind")

    assert names.receiver_name(function) == f"{__name__}.odd\\x00name"
    assert names.class_name(kind) == f"{__name__}.Odd\\x1bKind"
    assert names.sender_name(Hostile("\ud800")) == "\\ud800"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a\x1b[0m", 1), "a\\x1b[0m, 1"),
        (("first\nsecond",), "first\nsecond"),
        ((10**5000,), "an int of 16610 bits"),
        (tuple(range(100_000)), ", ".join(map(str, range(20)))),
    ],
)
def test_messages_of_exceptions_are_clean(arguments: tuple[Any, ...], message: str) -> None:
    assert names.error_message(Exception(*arguments)) == message


def test_senders_of_any_size_have_a_name() -> None:
    assert names.sender_name(10**5000) == "an int of 16610 bits"
    assert len(names.sender_name(b"\xff" * 10_000_000)) == MAX_LENGTH


COMMAND = """
import django
django.setup()
from signal_monitor.pipeline.process import ThisProcess
print(ascii(ThisProcess().describe(()).title))
"""


def test_command_lines_are_clean() -> None:
    arguments = [b"\xff\xfe", "\u202ejob".encode(), b"\x1b[2J"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'manage.py'\n{COMMAND}", *arguments],
        env=environment,
        check=True,
        capture_output=True,
    )
    title = answer.stdout.decode()
    assert "\\\\udcff\\\\udcfe" in title
    assert title.count("\\\\") >= 3


def test_log_lines_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("no\n2099-01-01 forged\x1b[2J")
    with caplog.at_level(logging.ERROR, "signal_monitor"):
        logger.error("A page failed: %s after %d ms", error, 12, exc_info=error)
    (record,) = caplog.records
    assert record.getMessage() == "A page failed: no\\n2099-01-01 forged\\x1b[2J after 12 ms"
    text = logging.Formatter().format(record)
    assert not any(line.startswith("2099") for line in text.splitlines())
    assert "\x1b" not in text
    assert text.endswith("ValueError: no\\n2099-01-01 forged\\x1b[2J")
