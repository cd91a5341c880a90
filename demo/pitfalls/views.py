"""The page of pitfalls, one button each."""

from __future__ import annotations

import time

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from demo.home.methods import post_or_page
from demo.pitfalls.catalogue import FAMILIES, PITFALLS
from demo.pitfalls.models import Press
from demo.pitfalls.pitfall import Pitfall
from demo.pitfalls.supplier import supplier


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All pitfalls, each with the result of the last click."""
    last = Press.objects.last_by_pitfall()
    families = [(family, [_row(pitfall, last.get(pitfall.slug)) for pitfall in family.pitfalls]) for family in FAMILIES]
    return render(request, "pitfalls/index.html", {"families": families})


def _row(pitfall: Pitfall, press: Press | None) -> dict[str, object]:
    return {
        "pitfall": pitfall,
        "press": press,
        "links": pitfall.links(pressed=press is not None),
        "since": pitfall.since() if press else "",
        "can_let_go": pitfall.slug == "hangs" and supplier.hanging,
    }


@post_or_page("pitfalls:index")
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Make one of the mistakes."""
    pitfall = _find(slug)
    waited_ms, what_happened = _fall(pitfall)
    return _keep(request, pitfall, waited_ms, what_happened)


@post_or_page("pitfalls:index")
async def press_on_loop(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a mistake on the thread of the event loop: this calls sync code in an async view."""
    pitfall = _find(slug)
    waited_ms, what_happened = _fall(pitfall)
    return await sync_to_async(_keep)(request, pitfall, waited_ms, what_happened)


@post_or_page("pitfalls:index")
def let_go(request: HttpRequest) -> HttpResponse:
    """End the call."""
    supplier.let_go()
    messages.info(request, "The call that hung has ended.")
    return redirect(f"{reverse('pitfalls:index')}#hangs")


def _fall(pitfall: Pitfall) -> tuple[float, str]:
    started_ns = time.perf_counter_ns()
    what_happened = pitfall.fall()
    return (time.perf_counter_ns() - started_ns) / 1e6, what_happened


def _keep(request: HttpRequest, pitfall: Pitfall, waited_ms: float, what_happened: str) -> HttpResponse:
    Press.objects.keep(pitfall=pitfall.slug, waited_ms=waited_ms, what_happened=what_happened)
    messages.info(request, f"{pitfall.title}: you waited {waited_ms:.0f} ms.")
    return redirect(f"{reverse('pitfalls:index')}#{pitfall.slug}")


def _find(slug: str) -> Pitfall:
    for pitfall in PITFALLS:
        if pitfall.slug == slug:
            return pitfall
    raise Http404(f"There is no pitfall {slug!r}.")
