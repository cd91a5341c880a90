"""The base class of the dashboard's pages, and what several of them use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django.template import Node, NodeList
from django.template.context import Context as TemplateContext
from django.utils.safestring import mark_safe

from signal_monitor.conf import get_config
from signal_monitor.dashboard.engine import find_template
from signal_monitor.dashboard.fields import PageForm, PeriodForm, as_text
from signal_monitor.dashboard.frames import Rendering
from signal_monitor.dashboard.notices import unreadable_notice
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.serializers import Json
from signal_monitor.dashboard.tab_counts import COUNTS, read_counts, tab_counts
from signal_monitor.errors import errors
from signal_monitor.records import Dispatch, Request
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Store, StoreError, Totals
from signal_monitor.stores.unreadable import unreadable_rows
from signal_monitor.text import encodable

Params = Mapping[str, str]
Context = dict[str, Any]

TABLE_ROWS = 50
LIST_ROWS = 500
NOT_RENDERED = mark_safe(
    '<p class="notice warn">This part of the page cannot be shown. The log of the server has the error.</p>'
)
UNREADABLE = "unreadable"
"""The name of the part that says how many records are left out."""
UNFILTERED = {"before", "requests"}
"""Parameters that select a range and not what to look for."""


SCOPE_FIELDS = ("period", "process")
"""Parameters that links keep."""


class UnknownPage(LookupError):  # noqa: N818 - an answer, as Http404 is
    """There is no page of that name."""


class NotStored(LookupError):  # noqa: N818 - the same
    """The store does not contain what the page is about; ``unreadable`` if it has it, and cannot read it."""

    unreadable = False


@dataclass(frozen=True)
class View:
    """The name of a page, its valid parameters and the base of its links; equal for two viewers who see the same.

    ``after`` is the number of the newest row that the viewer has.
    """

    page: str
    params: tuple[tuple[str, str], ...] = ()
    base: str = ""
    after: int = field(default=0, compare=False)


class Page(ABC):
    """A page of the dashboard: its address, its parameters, what it reads, its JSON and its live parts.

    ``name`` is the name of its URL, and of its template unless ``template`` says otherwise. ``route`` is the path below
    the dashboard's, with at most one argument. ``section`` is the page of the navigation that it belongs to; a page
    that is its own section is in the navigation. ``parts`` are the ``{% part %}`` tags of the template that live
    updates replace, every ``seconds`` at most.
    """

    name: ClassVar[str]
    route: ClassVar[str]
    title: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    seconds: ClassVar[float] = 2.0
    form: ClassVar[type[PageForm]] = PageForm

    @property
    def key(self) -> str:
        """The letter that opens it from the keyboard, after "g"."""
        return self.name[0]

    @property
    def template(self) -> str:
        """The name of the template."""
        return f"signal_monitor/{self.name}.html"

    @property
    def section(self) -> str:
        """The name of the page of the navigation that this page belongs to."""
        return self.name

    @property
    def argument(self) -> str:
        """The name of the parameter in the route, or ""."""
        return self.route.partition(":")[2].partition(">")[0]

    @abstractmethod
    def fetch(self, store: Store, params: Params) -> Context:
        """Read what the page shows. Raises NotStored if the store does not contain it, and StoreError."""

    @abstractmethod
    def as_json(self, context: Context) -> Json:
        """What the page shows, as JSON."""

    def context(self, params: Params) -> Context:
        """Everything the template needs, for valid parameters; blocking. Raises NotStored and StoreError."""
        store, limits = get_store(), get_config().slow_limits
        with unreadable_rows() as unreadable:
            states = processes(store)
            fetched = self._fetch_or_say_why(store, params, unreadable)
        return {
            "page": self,
            "params": params,
            "slow_ns": limits.slow_ns,
            "request_slow_ns": get_config().request_slow_ns,
            "has_other_limits": bool(limits.by_pattern),
            "titles": {state.process.id: state.process.title for state in states},
            "states": states,
            "kept": {name: params[name] for name in SCOPE_FIELDS if params.get(name)},
            "unreadable": len(unreadable),
            **fetched,
        }

    def _fetch_or_say_why(self, store: Store, params: Params, unreadable: Sized) -> Context:
        before = len(unreadable)
        try:
            return self.fetch(store, params)
        except NotStored as error:
            error.unreadable = len(unreadable) > before
            raise

    def render(self, params: Params, after: int) -> Rendering:
        """The live parts, to be swapped in by id, and the rows above a number.

        Nothing if the store no longer contains what the page is about.
        """
        try:
            context = self.context(params)
        except NotStored as error:
            return Rendering({UNREADABLE: unreadable_notice(1, oob=True)} if error.unreadable else {})
        parts = _render_nodes(self.template, self.parts, {**context, "oob": True})
        own: dict[str, str] = {UNREADABLE: unreadable_notice(context["unreadable"], oob=True)}
        if issubclass(self.form, PeriodForm):
            own[COUNTS] = tab_counts(read_counts(get_store(), params, context["states"]))
        rendering = self.new_rows(params, after)
        return replace(rendering, parts={**own, **parts}, seconds=self.seconds)

    def new_rows(self, params: Params, after: int) -> Rendering:
        """The rows of the page's list above a number, if it has one; blocking. Raises StoreError."""
        return Rendering(last=after)


class PartNode(Node):
    """A part of a page's template that can be rendered on its own, as ``{% partialdef %}`` is from Django 6.0 on."""

    def __init__(self, name: str, nodelist: NodeList) -> None:
        self.name = name
        self.nodelist = nodelist

    def render(self, context: TemplateContext) -> str:
        """The part; a sentence where it cannot be rendered, so that the others are shown."""
        try:
            return self.nodelist.render(context)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails in one part of a page
            errors.note(f"the part {self.name!r} of a page", error)
            return "" if context.get("oob") else NOT_RENDERED  # what a live page has shown stays there


def _render_nodes(template_name: str, names: Sequence[str], values: Context) -> dict[str, str]:
    template = find_template(template_name)
    found = template.nodelist.get_nodes_by_type(PartNode)
    nodes = {node.name: node for node in found if isinstance(node, PartNode)}
    context = TemplateContext(values)
    with context.render_context.push_state(template), context.bind_template(template):
        return {name: encodable(nodes[name].render(context)) for name in names}


def table(params: Params, rows: Sequence[Dispatch] | Sequence[Request]) -> Context:
    """The context of a table of at most TABLE_ROWS rows, newest first: the rows, and where older ones start."""
    is_full = len(rows) >= TABLE_ROWS
    return {
        "rows": rows,
        "filtered": bool(params.keys() - UNFILTERED),
        "before": float(params.get("before", 0)),
        "older": as_text(rows[-1].started_at) if is_full else "",
    }


def shown_json(context: Context) -> Json:
    """How many rows a table shows, and where older ones start: None if it shows all that match."""
    older = context["older"]
    return {"shown": len(context["rows"]), "older_before": float(older) if older else None}


def largest_first(rows: Iterable[Totals], figure: Callable[[Totals], float]) -> list[Totals]:
    """Totals by one of their figures, largest first; equal ones by name."""
    return sorted(rows, key=lambda row: (-figure(row), row.key))
