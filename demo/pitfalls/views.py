"""The page of pitfalls, one button each."""

from __future__ import annotations

import time

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from demo.pitfalls.catalogue import PITFALLS, Pitfall
from demo.pitfalls.models import Press


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every pitfall, with what came of the last press."""
    rows = [(pitfall, Press.objects.filter(pitfall=pitfall.slug).first()) for pitfall in PITFALLS]
    return render(request, "pitfalls/index.html", {"rows": rows})


@require_POST
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Make one of the mistakes, for real."""
    pitfall = _find(slug)
    started_ns = time.perf_counter_ns()
    what_happened = pitfall.fall()
    waited_ms = (time.perf_counter_ns() - started_ns) / 1e6
    Press.objects.keep(pitfall=slug, waited_ms=waited_ms, what_happened=what_happened)
    messages.info(request, f"{pitfall.title}: you waited {waited_ms:.0f} ms.")
    return redirect(f"{reverse('pitfalls:index')}#{slug}")


def _find(slug: str) -> Pitfall:
    for pitfall in PITFALLS:
        if pitfall.slug == slug:
            return pitfall
    raise Http404(f"There is no pitfall {slug!r}.")
