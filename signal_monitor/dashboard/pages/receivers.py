"""The list of all receivers."""

from __future__ import annotations

from signal_monitor.dashboard.pages.subjects import SubjectsPage


class ReceiversPage(SubjectsPage):
    """All receivers with their totals."""

    name = "receivers"
    route = "receivers/"
    title = "Receivers"
    kind = "receiver"
    key = "c"
    first_sort = "waited"
