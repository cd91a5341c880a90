"""What live updates consist of: the parts of a page that have changed, and new rows of a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

Row = tuple[int, str]
"""The number of a row, which is higher than those of all older ones, and its HTML."""

MAX_FRAME_BYTES = 3_000
"""The rows of one frame take no more; those that are left over are in the next ones."""
OTHER_BYTES = 350
"""What else a frame of rows has: the element around them, a small part, and the marker."""
ROWS = '<ol hx-swap-oob="afterbegin:#sm-rows" data-after="{}">{}</ol>'
MARKER = '<div id="sm-frame" data-frame="{}"{} hidden hx-swap-oob="true"></div>'


@dataclass(frozen=True)
class Rendering:
    """A page as it is now: the HTML of each of its parts, and the rows that are new, newest first.

    ``last`` is the number of the newest row that there is. With ``anew``, the numbers begin anew, because the store was
    emptied. The page is rendered again after ``seconds`` at the earliest.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    last: int = 0
    anew: bool = False
    seconds: float = 0.0

    def with_part(self, name: str, html: str) -> Rendering:
        """The same with another part, before the others."""
        return replace(self, parts={name: html, **self.parts})

    @property
    def html(self) -> str:
        """All of it."""
        return "".join(self.parts.values()) + rows_html(self.rows, self.last)


def digest(html: str) -> str:
    """A short text that differs where two parts differ; the same in every process."""
    return f"{crc32(html.encode('utf-8', 'replace')):x}"


def digests(parts: Mapping[str, str]) -> dict[str, str]:
    """The digest of each part."""
    return {name: digest(html) for name, html in parts.items()}


def changed(parts: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """The HTML of the parts that are not those shown."""
    return "".join(html for name, html in parts.items() if digest(html) != shown.get(name))


def first_rows(rows: Iterable[Row], after: int) -> tuple[list[Row], bool]:
    """Of the rows above a number, the oldest that one frame takes, newest first; and whether some are left over."""
    oldest_first = sorted(row for row in rows if row[0] > after)
    taken, size = 0, OTHER_BYTES
    for _number, html in oldest_first:
        size += len(html.encode())
        if taken and size > MAX_FRAME_BYTES:
            break
        taken += 1
    return oldest_first[:taken][::-1], taken < len(oldest_first)


def rows_html(rows: Sequence[Row], last: int) -> str:
    """New rows as an element whose content is put before the older ones; "" without any."""
    return ROWS.format(last, "".join(html for _number, html in rows)) if rows else ""


def marker(number: int, have: Iterable[str] = ()) -> str:
    """The last element of a frame: its number, and for browsers that poll the digests of the page's parts."""
    told = ",".join(have)
    return MARKER.format(number, f' data-have="{told}"' if told else "")
