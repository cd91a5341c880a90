"""Secrets that are known by their form: tokens of well-known services, URLs with credentials, the number of a card."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

MASK = "[scrubbed]"


class Form(NamedTuple):
    """A secret that is known by its form; it is looked for in text that has one of the ``hints`` in lower case."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str] = MASK


def _form(hints: str, pattern: str, replacement: str | Callable[[re.Match[str]], str] = MASK, flags: int = 0) -> Form:
    return Form(tuple(hints.split()), re.compile(pattern, flags), replacement)


# Lengths and first digits of the numbers that issuers give out.
_CARD = re.compile(r"4\d{12}(?:\d{3}){0,2}|5\d{15}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|6\d{15,18}")


def _card(match: re.Match[str]) -> str:
    """The mask for the number of a card, which has a check digit (ISO/IEC 7812-1); any other number stays."""
    digits = [int(char) for char in match[0] if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    is_card = _CARD.fullmatch("".join(map(str, digits))) and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
    return MASK if is_card else match[0]


BEFORE_NAMED = (
    _form(
        "private",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        flags=re.DOTALL,
    ),
    _form(
        "://",
        r"""(?<=://)(?:[^\s:/?\#@"'<>]*:
            (?:[^\s/?\#"'<>]+(?=@)|(?!\d+(?:[/?\#\s"'<>]|\Z))[^\s"'<>]+?(?=@))|[\w-]{20,}(?=@))""",
        flags=re.VERBOSE,
    ),
)
AFTER_NAMED = (
    _form(
        "bearer basic token jwt apikey",
        r"""\b(?P<scheme>Bearer|Basic|Token|JWT|ApiKey)(?P<space>\s+)
        (?:(?<=[Bb]earer\s)(?!(?:tokens?|auth\w*|scheme|realm|header|credentials?|error|format|required|is|was|in|of)\b)
        |(?=[A-Za-z]*[\d._~+/=-]))(?!\w+=["'])[\w.~+/=-]{6,}""",
        rf"\g<scheme>\g<space>{MASK}",
        re.VERBOSE | re.IGNORECASE,
    ),
    _form("eyj", r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"),
    _form("_live_ _test_", r"\b(?:sk|pk|rk)_(?:live|test)_\w+"),
    _form("whsec_", r"\bwhsec_[\w+/=]+"),
    _form("sk-", r"\bsk-[\w-]{16,}"),
    _form("gh github_pat_", r"\b(?:gh[pousr]_\w{16,}|github_pat_\w{20,})"),
    _form(
        "glpat- npm_ pypi- hf_ shp dop_v1_ dckr_pat_ sq0 gocspx- lin_api_ figd_ pmak- sbp_ tskey- ntn_ rnd_",
        r"\b(?:glpat-|npm_|pypi-|hf_|shp(?:at|ca|pa|ss)_|dop_v1_|dckr_pat_|sq0[a-z]{3}-|GOCSPX-|lin_api_|figd_|PMAK-|sbp_"
        r"|tskey-\w+-|ntn_|rnd_)[\w-]{12,}",
    ),
    _form("hvs. hvb. dp.", r"\b(?:hv[sb]\.|dp\.(?:pt|st|ct|sa)\.)[\w.-]{12,}"),
    _form("key-", r"\b(?:key-[0-9a-z]{32}|AGE-SECRET-KEY-\w+)\b"),
    _form("1//0", r"\b1//0[\w-]{20,}"),
    _form("bot", r"\bbot\d{6,}:[\w-]{30,}"),
    _form("/api/webhooks/", r"(?<=/api/webhooks/)\d+/[\w-]+"),
    # Of databases: all values of a row, without the names of its columns.
    _form("failing row contains", r"(?<=Failing row contains \().*(?=\))", flags=re.DOTALL),
    _form("xox xapp-", r"\b(?:xox[a-z]-|xapp-)[\w-]{8,}"),
    _form("hooks.slack.com", r"(?<=hooks\.slack\.com/services/)[\w/]+"),
    _form("akia asia", r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"),
    _form("aiza ya29.", r"\b(?:AIza[\w-]{20,}|ya29\.[\w-]+)"),
    _form("sg.", r"\bSG\.[\w-]{16,}\.[\w-]+"),
    _form(
        "pbkdf2_ argon2 bcrypt scrypt md5$ sha1$", r"\b(?:pbkdf2_\w+|argon2\w*|bcrypt\w*|scrypt|md5|sha1)\$[\w$./+=,-]+"
    ),
    _form("$2", r"\$2[aby]\$\d\d\$[\w./]{20,}"),
    # Of Django: a link that resets a password, and a signed value.
    _form("-", r"(?<![\w-])[0-9a-z]{6,13}-[0-9a-f]{32}(?![\w-])"),
    _form(":", r"(?<![\w-])[\w.-]+:(?:[0-9A-Za-z]{6}:)?[\w-]{43}(?![\w-])"),
    _form(
        "/password /token /secret /apikey /api-key /reset /invite /confirm /activate /verify /magic",
        r"(?<=/)(?P<name>[\w-]*(?:password|token|secret|api-?key|reset|invite|confirm|activate|verify|magic)[\w-]*)/"
        r"(?=[^/\s]*\d)(?=[^/\s]*[A-Za-z])[\w.~:=-]{8,}",
        rf"\g<name>/{MASK}",
        re.IGNORECASE,
    ),
    _form(
        "mysql mariadb", r"(?P<before>\b(?:mysql|mariadb)[\w-]*\b[^\r\n]*?[\s\"']-p)[^\s\"',]+", rf"\g<before>{MASK}"
    ),
    _form(
        "sshpass redis-cli docker podman helm nerdctl",
        r"(?P<before>\b(?:sshpass\b[^\r\n]*?[\s\"']-p|redis-cli\b[^\r\n]*?[\s\"']-a|(?:docker|podman|helm|nerdctl)\b[^\r\n]*?\blogin\b[^\r\n]*?[\s\"']-p)[\s\"',=]*)"
        r"[^\s\"',]+",
        rf"\g<before>{MASK}",
    ),
    _form("pass:", r"(?<![\w-])pass:[^\s\"',]+", f"pass:{MASK}"),
    _form("curl wget http", r"(?P<before>[\s\"'](?:-u|--user)[\"',\s=]+)[^\s\"':]+:[^\s\"',]+", rf"\g<before>{MASK}"),
    _form("2 3 4 5 6", r"(?<![\w.])[2-6](?:(?:[ \u00a0-]?\d){12,18}|\d{3}(?:\.\d{4}){3})(?!\w)", _card),
)


def without(forms: Sequence[Form], text: str) -> str:
    """The text without the secrets of some forms."""
    lowered = text.lower()
    for form in forms:
        for hint in form.hints:  # without a generator, which takes three times as long
            if hint in lowered:
                text = form.pattern.sub(form.replacement, text)
                break
    return text
