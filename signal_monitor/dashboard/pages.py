"""The pages: which parameters each knows, what it reads, and which of its parts are drawn anew while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.conf import get_config
from signal_monitor.dashboard import charts, forms, sources, traces
from signal_monitor.records import Dispatch, Request, SubjectKind
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Store

Params = Mapping[str, str]
Context = dict[str, Any]

UNFILTERED = {"before", "requests"}
"""Parameters that choose a range, not what to look for."""


class UnknownPage(LookupError):  # noqa: N818 - an answer, as Http404 is
    """There is no page of that name."""


class NotStored(LookupError):  # noqa: N818 - the same
    """The store does not hold what the page is about."""


@dataclass(frozen=True)
class View:
    """A page and its parameters, normalised: two viewers who see the same have equal views."""

    page: str
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """A kind of page: the form of its parameters, its context, and the parts that live updates replace."""

    form: type[forms.PageForm]
    context: Callable[[Store, Params], Context]
    parts: tuple[str, ...]


def _overview(store: Store, params: Params) -> Context:
    return {"overview": sources.overview(store, params.get("period", ""))}


def _live(store: Store, params: Params) -> Context:
    where = forms.LiveForm(dict(params)).dispatch_filter()
    states = sources.processes(store)
    rows = store.dispatches(where, sources.TABLE_ROWS)
    return {
        **_ranged(params, rows),
        "filtered": bool(params.keys() - UNFILTERED),
        "left_out": where.without_request_signals,
        "rate": sum(state.process.rate for state in states if not state.gone),
        "sample": get_config().SAMPLE_PER_SECOND,
    }


def _ranged(params: Params, rows: Sequence[Dispatch] | Sequence[Request]) -> Context:
    """A table's rows, and where the older ones begin if there may be some."""
    is_full = len(rows) >= sources.TABLE_ROWS
    return {
        "rows": rows,
        "most": sources.TABLE_ROWS,
        "before": float(params.get("before", 0)),
        "older": forms.as_text(rows[-1].started_at) if is_full else "",
    }


def _subjects(kind: SubjectKind) -> Callable[[Store, Params], Context]:
    def context(store: Store, params: Params) -> Context:
        rows = sources.ordered(store.totals(kind, sources.since(params.get("period", ""))), params.get("sort", ""))
        return {"kind": kind, "rows": rows[: sources.LIST_ROWS], "left_out": max(0, len(rows) - sources.LIST_ROWS)}

    return context


def _subject(kind: SubjectKind) -> Callable[[Store, Params], Context]:
    def context(store: Store, params: Params) -> Context:
        subject = sources.subject(store, kind, params.get("name", ""), params.get("period", ""))
        if not subject.known and not subject.orphans:
            raise NotStored(kind)
        limit_ns = sources.limit_ns(subject.name)
        return {
            "kind": kind,
            "subject": subject,
            "limit_ns": limit_ns,
            "histogram": charts.histogram(subject.totals, limit_ns) if subject.totals.buckets else None,
            "calls_chart": charts.calls_per_minute(subject.history),
            "p95_chart": charts.p95_per_minute(subject.history, limit_ns),
            "last_calls": [
                ("Last slow calls", "No slow one is stored.", subject.slow),
                ("Last failed calls", "No failed one is stored.", subject.failed),
            ],
        }

    return context


def _dispatch(store: Store, params: Params) -> Context:
    dispatch = store.dispatch(params.get("dispatch_id", ""))
    if dispatch is None:
        raise NotStored("dispatch")
    tree = store.tree(dispatch.root_id)
    return {
        "dispatch": dispatch,
        "tree": tree,
        "waterfall": charts.waterfall(tree or [dispatch]),
    }


def _requests(store: Store, params: Params) -> Context:
    form = forms.RequestsForm(dict(params))
    form.is_valid()
    least = form.cleaned_data.get("min_ms") or 0.0
    before = form.cleaned_data.get("before") or 0.0
    trace_id = params.get("trace_id", "")
    read = partial(traces.requests_of, store, trace_id) if trace_id else store.requests
    rows = read(sources.TABLE_ROWS, path=params.get("path", ""), slow_ms=least, before=before)
    return {
        **_ranged(params, rows),
        "filtered": bool(params.keys() - UNFILTERED),
        "has_middleware": MIDDLEWARE in settings.MIDDLEWARE,
    }


def _request(store: Store, params: Params) -> Context:
    detail = sources.request_detail(store, params.get("request_id", ""))
    if detail is None:
        raise NotStored("request")
    return {"detail": detail}


def _health(store: Store, _params: Params) -> Context:
    config = get_config()
    overview = sources.overview(store, "all")
    return {
        "overview": overview,
        "location": store.location,
        "settings": [(field.name, getattr(config, field.name)) for field in fields(config)],
    }


PAGES: Mapping[str, Page] = {
    "overview": Page(forms.PeriodForm, _overview, ("tiles", "running", "slowest", "failing", "busiest", "orphans")),
    "live": Page(forms.LiveForm, _live, ("live_state", "live_table")),
    "signals": Page(forms.SortedForm, _subjects("signal"), ("subjects",)),
    "signal": Page(forms.SubjectForm, _subject("signal"), ("subject",)),
    "receivers": Page(forms.SortedForm, _subjects("receiver"), ("subjects",)),
    "receiver": Page(forms.SubjectForm, _subject("receiver"), ("subject",)),
    "senders": Page(forms.SortedForm, _subjects("sender"), ("subjects",)),
    "dispatch": Page(forms.DispatchForm, _dispatch, ("dispatch",)),
    "requests": Page(forms.RequestsForm, _requests, ("requests",)),
    "request": Page(forms.RequestForm, _request, ("request",)),
    "health": Page(forms.PageForm, _health, ("health",)),
}


def page_named(name: str) -> Page:
    """The page of that name; raises UnknownPage."""
    try:
        return PAGES[name]
    except KeyError:
        raise UnknownPage(name) from None


def view_of(page: str, params: Mapping[str, str]) -> View:
    """What a viewer asks for, with parameters that are unknown or bad left out; raises UnknownPage."""
    given = page_named(page).form({key: params[key] for key in params}).given()
    return View(page, tuple(given.items()))


def context_of(view: View) -> Context:
    """Everything the templates of a page need; blocking. Raises NotStored, UnknownPage and StoreError."""
    page, params, store = page_named(view.page), dict(view.params), get_store()
    return {
        "page": view.page,
        "params": params,
        "slow_ns": get_config().slow_limits.slow_ns,
        "has_other_limits": bool(get_config().slow_limits.by_pattern),
        "parts": [f"signal_monitor/parts/{part}.html" for part in page.parts],
        "titles": {process.id: process.title for process in store.processes()},
        **page.context(store, params),
    }


def live_urls(view: View) -> dict[str, str]:
    """Where the page gets its live updates: the websocket, and the address to poll without one."""
    query = urlencode([("page", view.page), *view.params])
    polled = reverse("signal_monitor:fragments", kwargs={"page": view.page})
    return {
        "ws_url": f"{reverse('signal_monitor:overview')}ws/?{query}",
        "poll_url": f"{polled}?{urlencode(view.params)}",
    }


def render_fragments(view: View) -> str:
    """HTML of the page's live parts, to be swapped in by id; "" if what it is about has left the store. Blocking."""
    try:
        context = context_of(view)
    except NotStored:
        return ""
    return "".join(render_to_string(part, {**context, "oob": True}) for part in context["parts"])
