"""What the page says of a pitfall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Card:
    """A part of a page of the dashboard."""

    label: str
    page: str = "overview"
    element: str = ""

    @property
    def url(self) -> str:
        """Where it is."""
        fragment = f"#{self.element}" if self.element else ""
        return f"{reverse(f'signal_monitor:{self.page}')}{fragment}"


OVERVIEW = Card("The overview")
RUNNING = Card("What is running now", element="sm-running")
# The overview has only the first few, and Django's own signals lead by far.
ORPHANS = Card("All orphans", "health", "sm-orphans-all")


@dataclass(frozen=True, slots=True)
class Link:
    """A way to the dashboard."""

    label: str
    url: str


def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitfall:
    """One mistake; ``fall`` makes it, and returns what a visitor sees of it.

    ``culprit`` is the receiver to look at, "" where the mistake is that none runs. ``shown_by`` narrows the live page
    down to its dispatches; ``card`` is where else it shows. ``since`` says what has come of it since.
    """

    slug: str
    title: str
    button: str
    story: str
    look_for: str
    fall: Callable[[], str]
    culprit: str = ""
    shown_by: Mapping[str, str] = field(default_factory=dict)
    card: Card = OVERVIEW
    since: Callable[[], str] = _nothing

    def links(self, *, pressed: bool) -> list[Link]:
        """Where the dashboard shows it; a receiver has a page of its own from its first call on."""
        links = []
        if self.culprit and pressed:
            page = reverse("signal_monitor:receiver", kwargs={"name": self.culprit})
            links.append(Link("Its receiver page", page))
        if self.culprit:
            query = urlencode({"receiver": self.culprit, **self.shown_by})
            links.append(Link("Its dispatches, live", f"{reverse('signal_monitor:live')}?{query}"))
        return [*links, Link(self.card.label, self.card.url)]


@dataclass(frozen=True, slots=True)
class Family:
    """Pitfalls of one kind."""

    slug: str
    title: str
    gist: str
    pitfalls: tuple[Pitfall, ...]
