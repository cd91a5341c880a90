"""The dashboard over HTTP: a page, its live parts for browsers that poll, and its JSON twin."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from signal_monitor.dashboard.access import access_required
from signal_monitor.dashboard.addresses import (
    base_of_page,
    based_at,
    browser_path,
    default_base,
    page_url,
    socket_url,
)
from signal_monitor.dashboard.budget import TOLD_FROM_SECONDS, pace, poll_budget
from signal_monitor.dashboard.engine import PLAIN, missing_part, render_page
from signal_monitor.dashboard.fields import NOW, PeriodForm
from signal_monitor.dashboard.frames import Rendering, changed, digests, marker, rows_html
from signal_monitor.dashboard.markdown import MARKDOWN
from signal_monitor.dashboard.missing import missing
from signal_monitor.dashboard.notices import NOTICE, notice
from signal_monitor.dashboard.pages import PAGES, get_page, render, view_of
from signal_monitor.dashboard.pages.base import SCOPE_FIELDS, Context, NotStored, Page, Params, UnknownPage, View
from signal_monitor.dashboard.serializers import Json
from signal_monitor.dashboard.tab_counts import read_counts
from signal_monitor.dashboard.trace_events import trace_events
from signal_monitor.followed_browser import COOKIE, followed_browser, new_browser, set_cookie
from signal_monitor.instrumentation import is_instrumented
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError
from signal_monitor.text import MAX_LINE, cleaned, encodable

NOT_STORED = "The store does not contain this record. It was not sampled, it has been deleted, or it never existed."
NOT_READABLE = "The store has a record of this id, but it is damaged and cannot be read."
API_ROUTES = {name: page.route or "overview/" for name, page in PAGES.items()}
"""The routes of the JSON of the pages, below ``api/``."""
TRACED = ("request", "dispatch")
"""The pages of which there is a trace."""
ROUTE_TYPE = re.compile("<[a-z]+:")
NAVIGATION = [page for page in PAGES.values() if page.section == page.name != "health"]
"""The tabs; the page of health is behind the state of the live updates."""


@access_required
@require_safe
def show(request: HttpRequest, /, page: str, **named: str) -> HttpResponse:
    """A whole page; its parameters come from the path and the query string."""
    if text := missing_part():
        return HttpResponse(text, status=503, content_type=PLAIN)
    shown = get_page(page)
    named = _argument(shown, named)
    given = {**request.GET.dict(), **named}
    view = replace(view_of(page, given), base=base_of_page(request, page, named))
    if request.GET.get("period") == NOW and dict(view.params).get("period"):
        return HttpResponseRedirect(f"{browser_path(request)}?{urlencode({**request.GET.dict(), **_kept(request)})}")
    with based_at(view.base):
        return _page(request, shown, view, given, named)


@access_required
@require_safe
def show_moved(request: HttpRequest, /, page: str, **_named: str) -> HttpResponse:
    """Redirect to the page that has taken the place of another one, with the same parameters."""
    with based_at(base_of_page(request, page, {})):
        query = request.GET.urlencode()
        return HttpResponseRedirect(f"{page_url(page)}?{query}" if query else page_url(page))


def _page(request: HttpRequest, shown: Page, view: View, given: Params, named: Params) -> HttpResponse:
    shell = {"page": shown, "navigation": NAVIGATION, "observes": is_instrumented()}
    kept = _kept(request)
    try:
        context = shown.context(dict(view.params))
        counts = read_counts(get_store(), kept, context["states"])
    except NotStored as error:
        told = missing(get_store(), shown.name, "".join(named.values()))
        values = {**shell, "missing": named, "unreadable": error.unreadable, "told": told}
        return render_page("signal_monitor/missing.html", values, status=404)
    except StoreError as error:
        return render_page(
            "signal_monitor/unreadable.html", {**shell, "error": cleaned(str(error), MAX_LINE)}, status=503
        )
    live = live_urls(view)
    if not _has_sockets(request):
        del live["ws_url"]
    more = {"kept": kept, "counts": counts, "form": shown.form(given)}
    response = render_page(shown.template, {**shell, **context, **live, **more})
    if "HX-Request" in request.headers:
        push_url(response, _tidy_url(request))
    return response


def _kept(request: HttpRequest) -> Params:
    """The period and the processes that links of the page keep, whether or not it shows them itself."""
    params = PeriodForm(request.GET.dict()).valid_params()
    return {name: params[name] for name in SCOPE_FIELDS if name in params}


def _argument(page: Page, named: Params) -> dict[str, str]:
    """The argument of a page among all that its URL gives: the pattern that includes the pages may give more."""
    return {page.argument: named[page.argument]} if page.argument else {}


def live_urls(view: View) -> dict[str, str]:
    """Where a page gets its live updates: the websocket, and the URL to poll without one."""
    base = view.base or default_base()
    with based_at(base):
        polled = page_url("fragments", view.page)
    return {
        "ws_url": socket_url(base, [("page", view.page), *view.params]),
        "poll_url": f"{polled}?{urlencode(view.params)}",
    }


def _has_sockets(request: HttpRequest) -> bool:
    """Whether this process serves the websocket: it does not under WSGI, nor with Django's own ASGI application."""
    return isinstance(request, ASGIRequest) and "signal_monitor.routing" in sys.modules


def _tidy_url(request: HttpRequest) -> str:
    """The URL without the fields of a form that were left empty."""
    filled = {key: value for key, value in request.GET.items() if value}
    path = browser_path(request)
    return f"{path}?{urlencode(filled)}" if filled else path


@access_required
@require_safe
def show_parts(request: HttpRequest, /, page: str, **_named: str) -> HttpResponse:
    """The live parts of a page, for browsers without a websocket."""
    try:
        view = replace(view_of(page, request.GET.dict()), base=base_of_page(request, page, {}))
        wait = poll_budget.wait_seconds()
        if wait > 0:
            return HttpResponse(notice(pace(wait + TOLD_FROM_SECONDS)))
        with poll_budget.measured():
            return HttpResponse(_news(render(view), request.GET.get("have", "").split(",")))
    except UnknownPage as error:
        raise Http404 from error
    except StoreError as error:
        return HttpResponse(cleaned(str(error), MAX_LINE), status=503, content_type=PLAIN)


def _news(rendering: Rendering, have: Sequence[str]) -> str:
    """What a browser that polls does not have: it tells the digests of the parts that it was sent."""
    whole = rendering.with_part(NOTICE, notice())
    known = digests(whole.parts)
    shown = dict(zip(whole.parts, have, strict=False))
    rows = rows_html(whole.rows, whole.last)
    return changed(whole.parts, shown) + rows + marker(0, known.values())


@access_required
@require_safe
def show_json(request: HttpRequest, /, page: str, **named: str) -> HttpResponse:
    """What a page shows, as JSON; unlike the page, it refuses invalid parameters."""
    shown = get_page(page)
    given = {**request.GET.dict(), **_argument(shown, named)}
    form = shown.form(given)
    errors = {**form.errors, **{key: ["There is no such parameter."] for key in given if key not in form.fields}}
    if errors:
        return _json_error(400, "Invalid parameters.", fields=errors)
    try:
        context = shown.context(dict(view_of(page, given).params))
    except NotStored as error:
        if error.unreadable:
            return _json_error(404, NOT_READABLE)
        told = missing(get_store(), shown.name, "".join(_argument(shown, named).values()))
        like = [{"name": row.argument, "text": row.text} for row in told.like]
        return _json_error(404, NOT_STORED, why=told.why, like=like)
    except StoreError as error:
        return _json_error(503, cleaned(str(error), MAX_LINE))
    answer = {**shown.as_json(context), "unreadable_records": context["unreadable"]}
    return HttpResponse(
        encodable(json.dumps(answer, cls=DjangoJSONEncoder, ensure_ascii=False)), content_type="application/json"
    )


@access_required
@require_safe
def show_api(request: HttpRequest, /, *_args: str, **_named: str) -> JsonResponse:
    """What there is as JSON: the page, its address with the name of its argument, and its parameters."""
    base = browser_path(request)
    return JsonResponse(
        {
            "pages": [
                {"page": name, "address": f"{base}{ROUTE_TYPE.sub('<', route)}", "parameters": _parameters(PAGES[name])}
                for name, route in API_ROUTES.items()
            ],
            "also": {f"{base}registry/": "signals"},
            "traces": [{"page": name, "address": f"{base}{ROUTE_TYPE.sub('<', trace_route(name))}"} for name in TRACED],
            "markdown": [
                {"page": name, "address": f"{base.removesuffix('api/')}{ROUTE_TYPE.sub('<', markdown_route(name))}"}
                for name in MARKDOWN
            ],
        }
    )


def trace_route(page: str) -> str:
    """The route of the trace of a page, below ``api/``."""
    return f"{PAGES[page].route}trace.json"


def markdown_route(page: str) -> str:
    """The route of a page as Markdown."""
    return f"{PAGES[page].route.removesuffix('/')}.md"


@access_required
@require_safe
def show_trace(request: HttpRequest, /, page: str, **named: str) -> HttpResponse:
    """A request or a dispatch in the Trace Event Format, as a file."""
    try:
        context = _context(page, named)
        events = _trace(context)
    except NotStored as error:
        return _json_error(404, NOT_READABLE if error.unreadable else NOT_STORED)
    except StoreError as error:
        return _json_error(503, cleaned(str(error), MAX_LINE))
    response = HttpResponse(encodable(json.dumps(events)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{page}-trace.json"'
    return response


def _trace(context: Context) -> Json:
    processes = get_store().processes()
    if "dispatch" in context:
        return trace_events(context["tree"] or [context["dispatch"]], processes)
    return trace_events(context["dispatches"], processes, context["record"])


@access_required
@require_safe
def show_markdown(request: HttpRequest, /, page: str, **named: str) -> HttpResponse:
    """What a page says, as Markdown in plain text."""
    shown = get_page(page)
    try:
        with based_at(base_of_page(request, page, _argument(shown, named))):
            address = page_url(page, named[shown.argument])
            text = MARKDOWN[page](_context(page, named), request.build_absolute_uri(address))
    except NotStored as error:
        return HttpResponse(NOT_READABLE if error.unreadable else NOT_STORED, status=404, content_type=PLAIN)
    except StoreError as error:
        return HttpResponse(cleaned(str(error), MAX_LINE), status=503, content_type=PLAIN)
    return HttpResponse(encodable(text), content_type=PLAIN)


def _context(page: str, named: Params) -> Context:
    shown = get_page(page)
    return shown.context(dict(view_of(page, _argument(shown, named)).params))


def _parameters(page: Page) -> list[str]:
    """The parameters of a page that are not in its address."""
    return [name for name in page.form.base_fields if name != page.argument]


def _json_error(status: int, message: str, **more: object) -> JsonResponse:
    return JsonResponse({"error": {"message": message, **more}}, status=status)


@access_required
@require_safe
def follow(request: HttpRequest, /, *_args: str, **_named: str) -> HttpResponse:
    """Give this browser a signed cookie, by which the middleware knows its requests, and show these; or take it away.

    It changes nothing on the server.
    """
    live = browser_path(request).removesuffix("follow/") + "live/"
    if "stop" in request.GET:
        response = HttpResponseRedirect(live)
        response.delete_cookie(COOKIE)
        return response
    browser = followed_browser(request) or new_browser()
    response = HttpResponseRedirect(f"{live}?browser={browser}")
    set_cookie(response, browser, secure=request.is_secure())
    return response
