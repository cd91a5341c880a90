"""The pages of the dashboard: each is a module here, a template of the same name, and a line in ``PAGES``."""

from __future__ import annotations

from collections.abc import Mapping

from signal_monitor.dashboard.addresses import based_at
from signal_monitor.dashboard.frames import Rendering
from signal_monitor.dashboard.pages.base import Page, Params, UnknownPage, View
from signal_monitor.dashboard.pages.dispatch import DispatchPage
from signal_monitor.dashboard.pages.errors import ErrorsPage
from signal_monitor.dashboard.pages.finding import FindingPage
from signal_monitor.dashboard.pages.findings import FindingsPage
from signal_monitor.dashboard.pages.fires import FiresPage
from signal_monitor.dashboard.pages.health import HealthPage
from signal_monitor.dashboard.pages.live import LivePage
from signal_monitor.dashboard.pages.overview import OverviewPage
from signal_monitor.dashboard.pages.receivers import ReceiversPage
from signal_monitor.dashboard.pages.request import RequestPage
from signal_monitor.dashboard.pages.requests import RequestsPage
from signal_monitor.dashboard.pages.search import SearchPage
from signal_monitor.dashboard.pages.senders import SendersPage
from signal_monitor.dashboard.pages.signals import SignalsPage
from signal_monitor.dashboard.pages.subject import ReceiverPage, SignalPage

_ALL: tuple[Page, ...] = (
    OverviewPage(),
    RequestsPage(),
    RequestPage(),
    ReceiversPage(),
    ReceiverPage(),
    SignalsPage(),
    SignalPage(),
    SendersPage(),
    FiresPage(),
    FindingsPage(),
    FindingPage(),
    ErrorsPage(),
    LivePage(),
    DispatchPage(),
    HealthPage(),
    SearchPage(),
)
MAX_DIGITS = 18
PAGES: Mapping[str, Page] = {page.name: page for page in _ALL}
"""All pages by name, in the order of the navigation."""


def get_page(name: str) -> Page:
    """The page of that name; raises UnknownPage."""
    try:
        return PAGES[name]
    except KeyError:
        raise UnknownPage(name) from None


def view_of(name: str, params: Params) -> View:
    """A page with its valid parameters; raises UnknownPage."""
    after = params.get("after", "")
    number = int(after) if after.isascii() and after.isdecimal() and len(after) <= MAX_DIGITS else 0
    return View(name, tuple(get_page(name).form(dict(params)).valid_params().items()), after=number)


def render(view: View) -> Rendering:
    """The live parts of a page and its new rows; blocking. Raises UnknownPage and StoreError."""
    with based_at(view.base):
        return get_page(view.page).render(dict(view.params), view.after)


def render_parts(view: View) -> str:
    """HTML of the same."""
    return render(view).html
