"""The search: a signal, receiver, sender, request, dispatch or trace by a part of its name or by its id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django import forms

from signal_monitor.dashboard.fields import MAX_NAME_LENGTH, PageForm, trace_id_in
from signal_monitor.dashboard.missing import known_names
from signal_monitor.dashboard.pages.base import Context, Page, Params
from signal_monitor.dashboard.pages.request import find_request
from signal_monitor.dashboard.processes import orphans, processes
from signal_monitor.dashboard.serializers import Json
from signal_monitor.dashboard.similar import similar
from signal_monitor.records import SubjectKind
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import matches

MOST_OF_A_KIND = 20
KINDS: tuple[SubjectKind, ...] = ("receiver", "signal", "sender")


@dataclass(frozen=True)
class Found:
    """What was found: the name of its page, the argument of that page's URL, and how often it was seen."""

    page: str
    argument: str
    text: str
    count: int | None = None


class SearchForm(PageForm):
    """What is searched."""

    q = forms.CharField(required=False, max_length=MAX_NAME_LENGTH, label="Search")


class SearchPage(Page):
    """The results of a search."""

    name = "search"
    route = "search/"
    title = "Search"
    section = "overview"
    form = SearchForm
    parts = ()

    def fetch(self, store: Store, params: Params) -> Context:
        searched = params.get("q", "").strip()
        found = find(store, searched) if searched else []
        like = _like(store, searched) if searched and not found else []
        return {"searched": searched, "found": found, "like": like}

    def as_json(self, context: Context) -> Json:
        return {
            "found": [{"kind": row.page, "name": row.argument, "count": row.count} for row in context["found"]],
            "like": [{"kind": row.page, "name": row.argument} for row in context["like"]],
        }


def _like(store: Store, searched: str) -> list[Found]:
    """Names like a text that is in none."""
    return [Found(kind, name, name) for kind in KINDS for name in similar(searched, known_names(store, kind))]


def find(store: Store, searched: str) -> list[Found]:
    """What an id names, then the names that contain the text, those that are or end with it first."""
    found = [*_by_id(store, searched)]
    for kind in KINDS:
        rows = [row for row in _subjects(store, kind) if matches(searched, row.key)]
        found += [Found(kind, row.key, row.key, row.count) for row in best_first(rows, searched)[:MOST_OF_A_KIND]]
    paths = dict.fromkeys(request.path for request in store.requests(500, path=searched))
    found += [Found("requests", path, path) for path in [*paths][:MOST_OF_A_KIND]]
    return found


def _by_id(store: Store, searched: str) -> Iterable[Found]:
    if trace_id := trace_id_in(searched):
        yield Found("trace", trace_id, trace_id)
    if store.dispatch(searched) is not None:
        yield Found("dispatch", searched, searched)
    if find_request(store, searched) is not None:
        yield Found("request", searched, searched)


def _subjects(store: Store, kind: SubjectKind) -> Sequence[Totals]:
    rows = store.totals(kind)
    if kind != "signal":
        return rows
    known = {row.key for row in rows}
    without_receiver = orphans(processes(store))
    return [
        *rows,
        *(Totals(kind, name, count=number) for name, number in without_receiver.items() if name not in known),
    ]


def best_first(rows: Iterable[Totals], searched: str) -> list[Totals]:
    """The rows whose last part is the text, then those whose last part contains it, each most seen first."""
    text = searched.casefold()

    def rank(row: Totals) -> tuple[int, int, str]:
        last = row.key.rpartition(".")[2].casefold()
        return (0 if text in (last, row.key.casefold()) else 1 if text in last else 2, -row.count, row.key)

    return sorted(rows, key=rank)
