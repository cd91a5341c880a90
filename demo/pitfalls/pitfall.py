"""A pitfall as the page describes it."""

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
        """Its address."""
        fragment = f"#{self.element}" if self.element else ""
        return f"{reverse(f'signal_monitor:{self.page}')}{fragment}"


OVERVIEW = Card("The overview")
RUNNING = Card("What is running now", element="sm-running")
# The overview has only the first few, which are mostly Django's own signals.
ORPHANS = Card("All orphans", "health", "sm-orphans-all")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to the dashboard."""

    label: str
    url: str


def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitfall:
    """One mistake; ``fall`` makes it, and returns what a visitor sees.

    ``culprit`` is the receiver to look at, "" if the mistake is that none runs; ``others`` are receivers to look at
    beside it. ``shown_by`` filters the live page for its dispatches; ``card`` is another part of the dashboard that has
    it. ``since`` is what has happened since.
    """

    slug: str
    title: str
    button: str
    story: str
    look_for: str
    fall: Callable[[], str]
    culprit: str = ""
    others: tuple[str, ...] = ()
    shown_by: Mapping[str, str] = field(default_factory=dict)
    card: Card = OVERVIEW
    since: Callable[[], str] = _nothing

    def links(self, *, pressed: bool) -> list[Link]:
        """Links to the dashboard; a receiver has a page after its first call."""
        links = []
        if self.culprit and pressed:
            page = reverse("signal_monitor:receiver", kwargs={"name": self.culprit})
            links.append(Link("Its receiver page", page))
        if pressed:
            links += [Link(name, reverse("signal_monitor:receiver", kwargs={"name": name})) for name in self.others]
        if self.culprit:
            query = urlencode({"receiver": f"={self.culprit}", **self.shown_by})
            links.append(Link("Its dispatches, live", f"{reverse('signal_monitor:live')}?{query}"))
        return [*links, Link(self.card.label, self.card.url)]


@dataclass(frozen=True, slots=True)
class Family:
    """Pitfalls of one kind."""

    slug: str
    title: str
    gist: str
    pitfalls: tuple[Pitfall, ...]
