"""Generate the tables of settings, spans, metrics, checks and findings in the docs from the code.

    python -m docs.tables

replaces what is between ``<!-- name -->`` and ``<!-- end -->`` on each page; a test compares the pages with the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from signal_monitor import checks, conf
from signal_monitor.conf import Config
from signal_monitor.findings.base import Rule, sketched
from signal_monitor.findings.rules import RULES
from signal_monitor.telemetry import docs_reference as reference

DOCS = Path(__file__).parent


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """A text in a code font."""
    return f"`{text}`"


def settings() -> str:
    """The settings."""
    return table(
        ["setting", "default", "value", "meaning"],
        (
            [
                code(item.name),
                code(_default(item.default)),
                _sentence(item.metadata["rule"].allowed),
                item.metadata["help"],
            ]
            for item in fields(Config)
        ),
    )


def _default(value: object) -> str:
    """The default as it is written in Python."""
    if value == ():
        return "[]"
    return '""' if value == "" else repr(value).replace("'", '"')


def _sentence(text: str) -> str:
    return _plain(f"{text[0].upper()}{text[1:]}.")


def _plain(text: str) -> str:
    """A text that is not Markdown."""
    return text.replace("*", "\\*")


def excluded() -> str:
    """The default patterns of SPANS_EXCLUDE."""
    return "\n".join(f"- {code(pattern)}" for pattern in conf.WITHOUT_SPANS)


def removed() -> str:
    """The former settings."""
    return table(
        ["former setting", "what became of it"],
        ([code(key), _plain(f"It {text}.")] for key, text in conf.REMOVED.items()),
    )


def spans() -> str:
    """The spans."""
    return table(["span", "what it is"], ([code(span.name), span.meaning] for span in reference.SPANS))


def attributes() -> str:
    """The attributes of the spans."""
    return table(
        ["attribute", "on", "type", "meaning"],
        ([code(item.name), item.on, item.type, item.meaning] for item in reference.ATTRIBUTES),
    )


def metrics() -> str:
    """The metrics."""
    return table(
        ["metric", "instrument", "unit", "attributes", "meaning"],
        (
            [code(item.name), item.instrument, code(item.unit), ", ".join(map(code, item.attributes)), item.meaning]
            for item in reference.METRICS
        ),
    )


def problems() -> str:
    """What the system checks find."""
    return table(
        ["id", "problem", "what to do"],
        ([code(item.id), _readable(item.text), _readable(item.hint)] for item in checks.PROBLEMS),
    )


def _readable(text: str) -> str:
    """A message with its fields by name."""
    return re.sub(r"\{(\w+)(?:!r)?\}", r"*\1*", _plain(text))


def rules() -> str:
    """The rules of the findings."""
    return table(
        ["code", "what is wrong", "reported from", "not reported"],
        ([f"[{code(rule.code)}](#{rule.code.lower()})", rule.title, rule.minimum, rule.innocent] for rule in RULES),
    )


def explained() -> str:
    """The rules one by one, with an anchor each."""
    return "\n\n".join(_explained(rule) for rule in RULES)


def _explained(rule: Rule) -> str:
    head = f"### {rule.code}\n\n**{rule.title}** ({code(rule.name)}, {rule.level})."
    sketch = "\n".join(("```diff", sketched(rule.sketch), "```"))
    return f"{head} {rule.what}\n\n*What to do:* {rule.remedy}\n\n{sketch}"


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "settings.md": {"settings": settings, "excluded": excluded, "removed": removed},
    "opentelemetry.md": {"spans": spans, "attributes": attributes, "metrics": metrics},
    "checks.md": {"checks": problems},
    "findings.md": {"rules": rules, "explained": explained},
}


def generated(page: str, text: str) -> str:
    """The text of a page with its tables as the code has them."""
    for name, make in TABLES[page].items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(start)
        if not found or end not in rest:
            raise ValueError(f"docs/{page} has no place for the table {name!r}")
        text = f"{before}{start}\n{make()}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    """Write the tables into the pages."""
    for page in TABLES:
        path = DOCS / page
        path.write_text(generated(page, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
