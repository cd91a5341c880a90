"""Elements that say what is wrong with a page or its updates."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTICE = "notice"
"""The name of the part that shows an error."""


def notice(text: str = "") -> str:
    """The element that shows an error; without text it hides the last one."""
    if not text:
        return '<div id="sm-notice" class="notice" hidden hx-swap-oob="true"></div>'
    return format_html('<div id="sm-notice" class="notice" role="status" hx-swap-oob="true">{}</div>', text)


def unreadable_notice(count: int, *, oob: bool = False) -> SafeString:
    """The element that says how many records a page leaves out because they cannot be read; hidden without any."""
    swapped = SafeString(' hx-swap-oob="true"' if oob else "")
    if not count:
        return format_html('<div id="sm-unreadable" class="notice" hidden{}></div>', swapped)
    text = "1 record of the store cannot be read" if count == 1 else f"{count} records of the store cannot be read"
    return format_html(
        '<div id="sm-unreadable" class="notice bad" role="status"{}>{} left out of this page.</div>',
        swapped,
        f"{text} and {'is' if count == 1 else 'are'}",
    )
