"""Charts as SVG, readable on a light and on a dark page: they have a background of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.note { fill: #59636e; font-size: 12px; }
.back { fill: #f6f8fa; stroke: #d1d9e0; }
.grid { stroke: #d1d9e0; }
.django { fill: #8c959f; }
.ours { fill: #0969da; }
.other { fill: #d4803c; }
.line { fill: none; stroke-width: 2; }
.line.django { stroke: #6e7781; }
.line.ours { stroke: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note { fill: #9198a1; }
  .back { fill: #151b23; stroke: #3d444d; }
  .grid { stroke: #3d444d; }
  .django { fill: #7d8590; }
  .ours { fill: #4493f8; }
  .other { fill: #e09b5c; }
  .line { fill: none; }
  .line.django { stroke: #9198a1; }
  .line.ours { stroke: #4493f8; }
}
"""
WIDTH = 840
FIRST, FIRST_WIDTH = 190, 270
SECOND, SECOND_WIDTH = 550, 200
BAR = 18
NOTE = 18
ROW = 30
TOP = 84
PADDING = 20


@dataclass(frozen=True)
class Bar:
    """A row: its name, the parts of its first bar with their classes, the second bar, and a text after each."""

    name: str
    parts: Sequence[tuple[str, float]]
    said: str
    second: float
    second_said: str


def bars(title: str, notes: Sequence[str], heads: tuple[str, str], rows: Sequence[Bar]) -> str:
    """Two bars for each row, in two columns."""
    foot = TOP + ROW * len(rows)
    widest = max(sum(value for _kind, value in row.parts) for row in rows)
    longest = max(row.second for row in rows)
    lines = [text(PADDING, 30, title, "title"), text(FIRST, 62, heads[0], "note"), text(SECOND, 62, heads[1], "note")]
    for number, row in enumerate(rows):
        y, x = TOP + ROW * number, float(FIRST)
        lines.append(text(PADDING, y, row.name))
        for kind, value in row.parts:
            lines.append(bar(x, y, FIRST_WIDTH * value / widest, kind))
            x += FIRST_WIDTH * value / widest
        width = SECOND_WIDTH * row.second / longest
        lines += [text(x + 6, y, row.said), bar(SECOND, y, width, row.parts[-1][0])]
        lines.append(text(SECOND + width + 6, y, row.second_said))
    lines += [text(PADDING, foot + 12 + NOTE * number, note, "note") for number, note in enumerate(notes)]
    return svg(title, foot + NOTE * len(notes) + 12, lines)


def svg(title: str, height: float, lines: Iterable[str]) -> str:
    """The whole picture."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" width="{WIDTH}">'
    back = f'<rect class="back" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="6"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", back, *lines, "</svg>", ""])


def text(x: float, y: float, said: str, kind: str = "") -> str:
    """A line of text, whose base line is at ``y``."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'


def bar(x: float, y: float, width: float, kind: str) -> str:
    """A bar beside a line of text."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y - 13:.1f}" width="{max(0.0, width):.1f}" height="{BAR}"/>'


def line(x: float, y: float, to_x: float, to_y: float) -> str:
    """A line of the grid."""
    return f'<path class="grid" d="M{x:.1f},{y:.1f}L{to_x:.1f},{to_y:.1f}"/>'
