"""The dashboard's pages over HTTP: one view draws them all, another gives their live parts to a poll."""

from __future__ import annotations

from urllib.parse import urlencode

from django.apps import apps
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from signal_monitor.dashboard.access import access_required
from signal_monitor.dashboard.pages import (
    NotStored,
    UnknownPage,
    context_of,
    live_urls,
    page_named,
    render_fragments,
    view_of,
)
from signal_monitor.instrumentation import is_instrumented
from signal_monitor.stores.base import StoreError

PLAIN = "text/plain; charset=utf-8"
WITHOUT_HTMX = 'The signal monitor\'s pages need django-htmx: add "django_htmx" to INSTALLED_APPS.\n'
NAVIGATION = ("overview", "live", "signals", "receivers", "senders", "requests", "health")
SECTIONS = {"signal": "signals", "receiver": "receivers", "dispatch": "live", "request": "requests"}


@require_safe
@access_required
def show(request: HttpRequest, /, page: str, **named: str) -> HttpResponse:
    """A whole page; its parameters come from the path and the query string."""
    if not apps.is_installed("django_htmx"):
        return HttpResponse(WITHOUT_HTMX, status=503, content_type=PLAIN)
    given = {**request.GET.dict(), **named}
    view = view_of(page, given)
    shell = {
        "page": page,
        "navigation": NAVIGATION,
        "section": SECTIONS.get(page, page),
        "observes": is_instrumented(),
    }
    try:
        context = context_of(view)
    except NotStored:
        return render(request, "signal_monitor/missing.html", {**shell, "missing": named}, status=404)
    except StoreError as error:
        return render(request, "signal_monitor/unreadable.html", {**shell, "error": str(error)}, status=503)
    form = page_named(page).form(given)
    response = render(request, f"signal_monitor/{page}.html", {**shell, **context, **live_urls(view), "form": form})
    if "HX-Request" in request.headers:
        push_url(response, _tidy_url(request))
    return response


def _tidy_url(request: HttpRequest) -> str:
    """The address without the fields of a form that were left empty."""
    filled = {key: value for key, value in request.GET.items() if value}
    return f"{request.path}?{urlencode(filled)}" if filled else request.path


@require_safe
@access_required
def fragments(request: HttpRequest, /, page: str) -> HttpResponse:
    """The live parts of a page, for browsers without a websocket."""
    try:
        return HttpResponse(render_fragments(view_of(page, request.GET.dict())))
    except UnknownPage as error:
        raise Http404 from error
    except StoreError as error:
        return HttpResponse(str(error), status=503, content_type=PLAIN)
