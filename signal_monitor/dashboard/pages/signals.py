"""The list of all signals."""

from __future__ import annotations

from signal_monitor.dashboard.pages.subjects import SubjectsPage


class SignalsPage(SubjectsPage):
    """All signals with their totals."""

    name = "signals"
    route = "signals/"
    title = "Signals"
    kind = "signal"
