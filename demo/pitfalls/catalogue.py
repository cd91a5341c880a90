"""The pitfalls: what goes wrong, what the visitor sees of it, and where the dashboard shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from demo.pitfalls.models import Press
from demo.pitfalls.receivers import TotalsError
from demo.pitfalls.signals import cleanup_finished, import_finished, report_requested


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One mistake; ``fall`` makes it, and returns what a visitor sees of it."""

    slug: str
    title: str
    button: str
    story: str
    look_for: str
    culprit: str
    shown_by: dict[str, str]
    fall: Callable[[], str]

    @property
    def live_query(self) -> str:
        """The filter of the live page under which its dispatches show."""
        return urlencode({"receiver": self.culprit, **self.shown_by})


def request_report() -> str:
    """Ask for a report, and wait for every receiver of that."""
    report_requested.send(sender=Press)
    return "The report is on its way. It only took so long because a receiver rendered it before this page could load."


def finish_import() -> str:
    """Finish an import whose rows do not add up."""
    try:
        import_finished.send(sender=Press, expected=1_200, found=1_187)
    except TotalsError as error:
        return f"The import failed: {error}. Nothing tells the visitor that a receiver raised this, or who was not run."
    return "The import has finished."


def finish_cleanup() -> str:
    """Finish a cleanup without looking at what the receivers answered, as nearly everyone does."""
    cleanup_finished.send_robust(sender=Press, leftovers={})
    return "The cleanup has finished. All seems well: the exception is in the responses, and nobody reads them."


PITFALLS = (
    Pitfall(
        slug="slow-receiver",
        title="A slow receiver",
        button="Ask for a report",
        story="Signals are synchronous: send() returns when the last receiver has. One of the two receivers takes "
        "350 ms, and the visitor waits for it.",
        look_for="render_report leads the slowest synchronous receivers, well over the threshold; the request that you "
        "made spent nearly all of its time in signals.",
        culprit="demo.pitfalls.receivers.render_report",
        shown_by={"min_ms": "100"},
        fall=request_report,
    ),
    Pitfall(
        slug="raises-under-send",
        title="A receiver that raises under send",
        button="Finish an import",
        story="The first exception ends a plain send(): it lands in the code that sent the signal, and the receivers "
        "that come next are not run at all.",
        look_for="check_totals has the outcome “raised” with its traceback; in the same dispatch, announce_import is "
        "“not run”.",
        culprit="demo.pitfalls.receivers.check_totals",
        shown_by={"outcome": "raised"},
        fall=finish_import,
    ),
    Pitfall(
        slug="swallowed-under-send-robust",
        title="A receiver that raises under send_robust",
        button="Finish a cleanup",
        story="send_robust() catches every exception and returns it among the responses. Whoever ignores the responses "
        "never hears of it.",
        look_for="archive_leftovers is among the failing receivers with its KeyError and the outcome “swallowed”; "
        "log_cleanup ran all the same.",
        culprit="demo.pitfalls.receivers.archive_leftovers",
        shown_by={"outcome": "swallowed"},
        fall=finish_cleanup,
    ),
)
