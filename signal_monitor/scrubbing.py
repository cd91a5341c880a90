"""Removal of secrets from text that the application provides, such as the messages of exceptions.

Most secrets have a name in front of them (``password=…``, ``"api_key": "…"``, ``Authorization: …``); ``secret_names``
says which names these are. The others are known by their form, such as a JSON Web Token or the number of a card.
"""

from __future__ import annotations

import functools
import logging
import re
import traceback
from collections.abc import Sequence

from .secret_forms import AFTER_NAMED, BEFORE_NAMED, MASK, without
from .secret_names import Certainty, certainty, is_plain, runs_of_words, words

MAX_RAW = 1_000
"""Characters of a message that are scrubbed, before it is cut: a secret that was cut in half is not recognised."""

_WORD = re.compile(r"[\w-]+")
_NAME = r"""
    (?P<dashes>(?:(?<![\w$.-])|(?<=%[0-9A-Fa-f]{2}))-{0,2})
    (?P<name>(?i:(?:api|access|auth|secret|private|signing|encryption|client|license|session|refresh|master|card)[ ])?
        [A-Za-z_$][\w$.-]*+)
    (?:
        (?P<close>(?:[\\"'\])`]|%22)*)(?:\s+(?:is|was|provided|supplied|given|entered|used))?
        \s*(?P<sign>:=|===?|!==?|[=-]>|=|:(?!:)|%3[DdAa]|\b(?:NOT\ )?(?:IN|I?LIKE)\b(?=\s*[('"]))\s*
        | (?P<comma>["']\s*,\s*)
        | (?P<space>\s+(?:(?:is|was)\s+)?)
    )
"""
_NAMED = re.compile(_NAME, re.VERBOSE)
_TAGGED = re.compile(r"<(?P<name>[A-Za-z_][\w:.-]*+)>(?P<value>[^<]+(?=</)|(?!/)[^<]+)")  # not the route <str:token>/
_ELEMENT = re.compile(
    r"""(?P<before><(?P<name>[A-Za-z_][\w:.-]*+(?:[^<>]*?\b(?:name|id|key)=["'][\w.-]+)?)[^<>]*?\b(?:value|content)=)
    (?P<quote>["'])(?P<value>[^<>]*?)(?P=quote)""",
    re.VERBOSE,
)
_DUPLICATE = re.compile(
    r"(?P<before>Duplicate entry )(?P<quote>')(?P<value>.*?)'(?= for key '(?P<name>[\w.-]+))", re.DOTALL
)
_INSERTED = re.compile(r"\((?P<names>[^()]+)\)(?P<between>\s*(?:OUTPUT[^()]*)?VALUES\s*)(?P<values>\(.*\))", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_QUOTED = re.compile(
    r"""(?P<open>[bBrRuUfF]{0,2}(?P<quote>\\+"|\\+'|"|'|`))
    (?P<inner>(?:(?!(?P=quote))(?:\\.|.))*)(?P<end>(?P=quote))?""",
    re.VERBOSE | re.DOTALL,
)
_BRACKETED = re.compile(
    r"(?P<open>[\[({])(?P<inner>(?:[^\[\](){}]|[\[({][^\[\](){}]*[\])}])*)(?P<end>[\])}])?", re.DOTALL
)
_CALL = re.compile(
    r"""(?P<open>)(?P<inner>[A-Za-z_][\w.]*\((?=[bBrRuU]?\\?["'])(?:[^()]|\([^()]*\))*\)?)(?P<end>)""", re.DOTALL
)
_LINE = re.compile(r"(?P<open>)(?P<inner>[^\r\n]+)(?P<end>)")
_DIGITS = re.compile(r"(?P<open>)(?P<inner>\d(?:[ -]?\d){5,})(?P<end>)(?!\w)")
_PLAIN = re.compile(
    r"""(?P<open>)(?P<inner>
        (?:(?:Bearer|Basic|Token|Digest|Negotiate|ApiKey|JWT)\s+)?
        (?:[^\s&,;"'<>()\[\]{}]
            | &(?![\w.%-]+=)
            | [,;](?!\s|$|["']?[\w.-]+["']?\s*[=:])
            | [)\]}](?=[^\s,;.)\]}&"'<>])
            | [(\[{]
        )+
    )(?P<end>)""",
    re.VERBOSE | re.IGNORECASE,
)
_RANDOM = re.compile(r"(?P<open>)(?P<inner>(?=[\w.~+/=-]*\d)(?=[\w.~+/=-]*[A-Za-z])[\w.~+/=-]{6,})(?P<end>)")
# What stands after a name in a sentence or for no value, such as "password: This field is required."
_PROSE = words(
    """
    a an and are at be been cannot could does empty enter ensure expected expired failed false field for from has in
    incorrect invalid is mismatch missing must no none not null object of on or required requires should that the this
    to too true unexpected unknown value was with wrong yes your
    """
)


class Scrubber:
    """Replaces secrets with a mask: the known ones, and those that a project adds.

    Of ``extra``, a word is the name of a secret. Anything else is a regular expression, whose matches are secrets.
    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self._names = frozenset(_squeezed(item) for item in extra if _WORD.fullmatch(item))
        self._extra = [re.compile(item) for item in extra if not _WORD.fullmatch(item)]

    def scrub(self, text: str) -> str:
        """The text without its secrets."""
        for pattern in self._extra:
            text = pattern.sub(MASK, text)
        text = without(BEFORE_NAMED, text)
        if any(sign in text for sign in "=: %>\t\n"):
            text = self._without_named(text)
        if "<" in text:
            text = _ELEMENT.sub(self._without_value, _TAGGED.sub(self._untagged, text))
        if "Duplicate entry" in text:
            text = _DUPLICATE.sub(self._without_value, text)
        if "VALUES" in text:
            text = _INSERTED.sub(self._without_values, text)
        return without(AFTER_NAMED, text)

    def _certainty(self, name: str) -> Certainty:
        is_named = bool(self._names) and not self._names.isdisjoint(runs_of_words(name))
        return Certainty.CERTAIN if is_named else certainty(name)

    def _without_named(self, text: str) -> str:
        parts, done = [], 0
        for match in _NAMED.finditer(text):
            if match.start() < done:
                continue
            found = self._value(match, text)
            if found is not None and _is_value(found):
                parts += [text[done : found.start("inner")], MASK]
                done = found.end("inner")
        return "".join([*parts, text[done:]])

    def _value(self, match: re.Match[str], text: str) -> re.Match[str] | None:
        """What a name is the name of, if that is a secret."""
        level, place = self._certainty(match["name"]), match.end()
        if level is Certainty.NONE:
            return None
        if match["sign"] is not None:
            is_plain_colon = match["sign"] in {":", "%3A", "%3a"} and not match["close"]
            if is_plain_colon and level is Certainty.ASSIGNED and not match["name"].lower().startswith("x-"):
                return None
            if is_plain_colon and level is Certainty.HEADER:
                return _QUOTED.match(text, place) or _LINE.match(text, place)
            return _sure_value(text, place) if match["sign"] == "->" else _value_at(text, place)
        if match["dashes"]:  # an option of a command line, or of a list of its arguments
            after = text[place : place + 1]
            return None if after == "-" else _first(text, place, _QUOTED, _PLAIN)
        if match["comma"]:  # a header as a pair
            is_header = level is Certainty.HEADER or "-" in match["name"]
            return _QUOTED.match(text, place) if is_header else None
        return None if level is Certainty.ASSIGNED else _sure_value(text, place)

    def _without_value(self, match: re.Match[str]) -> str:
        """An element or a message without the value that it has for a name."""
        if self._certainty(re.split(r"[\s\"'=]+", match["name"])[-1]) is Certainty.NONE or not match["value"].strip():
            return match[0]
        return f"{match['before']}{match['quote']}{MASK}{match['quote']}"

    def _without_values(self, match: re.Match[str]) -> str:
        """An INSERT without its texts, if one of its columns has secrets."""
        if all(self._certainty(name.strip(' "`[]')) is Certainty.NONE for name in match["names"].split(",")):
            return match[0]
        values = _LITERAL.sub(f"'{MASK}'", match["values"])
        return f"({match['names']}){match['between']}{values}"

    def _untagged(self, match: re.Match[str]) -> str:
        is_secret = self._certainty(match["name"]) is not Certainty.NONE and bool(match["value"].strip())
        return f"<{match['name']}>{MASK}" if is_secret else match[0]


def _value_at(text: str, place: int) -> re.Match[str] | None:
    return _first(text, place, _QUOTED, _BRACKETED, _CALL, _DIGITS, _PLAIN)


def _sure_value(text: str, place: int) -> re.Match[str] | None:
    """What is a value though no sign says so."""
    return _first(text, place, _QUOTED, _RANDOM, _DIGITS)


def _first(text: str, place: int, *patterns: re.Pattern[str]) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := pattern.match(text, place))), None)


def _is_value(found: re.Match[str]) -> bool:
    """Whether what follows a name is a value: not empty, not masked already, not the rest of a sentence."""
    inner = found["inner"].strip(" \"'[({")
    if not any(map(str.isalnum, inner)) or inner.strip("[]") == MASK.strip("[]"):
        return False
    first, _, rest = inner.partition(" ")
    is_prose = first.strip(".,;:!?)]}\"'").lower() in _PROSE
    return not is_prose or bool(found["open"] and not rest and len(inner) > 5 and not inner.isalpha())


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


class _Current:
    """The scrubber of this process; None where nothing is scrubbed."""

    scrubber: Scrubber | None = Scrubber()


def configure_scrubbing(extra: Sequence[str] | None) -> None:
    """Scrub as configured from now on; with None, nothing is."""
    _Current.scrubber = None if extra is None else Scrubber(extra)
    scrub.cache_clear()


@functools.lru_cache(2_048)
def scrub(text: str) -> str:
    """The text without its secrets; the same text comes again and again."""
    return text if _Current.scrubber is None else _Current.scrubber.scrub(text)


def scrub_message(text: str, length: int) -> str:
    """A message without its secrets, cut to a number of characters."""
    text = scrub(text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def scrub_arguments(line: str) -> str:
    """A command line without its secrets; the word after the name of a secret is one."""
    arguments = scrub(line).split(" ")
    secret = [is_plain(before) for before in ["", *arguments]]
    return " ".join(MASK if hide else word for word, hide in zip(arguments, secret, strict=False))


def problem_of(pattern: str) -> str:
    """Why a text cannot be one of the patterns that a project adds; "" if it can."""
    try:
        matches_nothing = re.compile(pattern).match("") is not None
    except re.error as error:
        return f"{pattern!r} is not a regular expression: {error}"
    return f"{pattern!r} matches the empty string" if matches_nothing else ""


class ScrubLogs(logging.Filter):
    """Scrubs what the monitor logs: its message and the traceback with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub a record; every record passes."""
        try:
            message = record.getMessage()
            if (scrubbed := scrub(message)) != message:
                record.msg, record.args = scrubbed, ()
            if record.exc_info and record.exc_info[0] is not None:
                record.exc_text = scrub(record.exc_text or _text_of(record))
        except Exception:  # noqa: BLE001 - arguments that do not fit the message: logging reports it
            return True
        return True


def _text_of(record: logging.LogRecord) -> str:
    kind, error, lines = record.exc_info or (None, None, None)
    return "".join(traceback.format_exception(kind, error, lines)).rstrip("\n")
