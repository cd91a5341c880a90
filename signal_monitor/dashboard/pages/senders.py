"""The list of all senders."""

from __future__ import annotations

from signal_monitor.dashboard.pages.subjects import SubjectsPage


class SendersPage(SubjectsPage):
    """All senders with their totals."""

    name = "senders"
    route = "senders/"
    title = "Senders"
    section = "signals"
    kind = "sender"
