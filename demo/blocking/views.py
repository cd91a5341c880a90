"""One signal with ten receivers, next to the same work in ten tasks."""

from __future__ import annotations

import time
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from demo.blocking.chores import CHORE_SECONDS, CHORES
from demo.blocking.models import Publication
from demo.blocking.signals import article_published, article_queued
from demo.home.methods import post_or_page

SIGNALS = {Publication.How.SIGNAL: article_published, Publication.How.TASKS: article_queued}
REFRESH_SECONDS = 1
PATIENCE = timedelta(seconds=10)
GIVE_UP = timedelta(minutes=2)
# From a broker on a server, and from a directory.
QUEUE_ERRORS = (OperationalError, OSError)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Both ways side by side, with the result of the last click on each."""
    last = {how.value: Publication.objects.filter(how=how, waited_ms__isnull=False).first() for how in Publication.How}
    queued = last[Publication.How.TASKS]
    waiting_since = timezone.now() - queued.published_at if queued and not queued.finished_at else None
    context = {
        **last,
        "chores": CHORES,
        "chore_ms": CHORE_SECONDS * 1_000,
        "longest_ms": max([1.0, *(one.waited_ms or 0.0 for one in last.values() if one)]),
        "late": waiting_since is not None and waiting_since > PATIENCE,
    }
    response = render(request, "blocking/index.html", context)
    if waiting_since is not None and waiting_since < GIVE_UP:
        # With the whole address: with a fragment (#tasks) alone, a browser would scroll and not reload.
        response.headers["Refresh"] = f"{REFRESH_SECONDS}; url={reverse('blocking:index')}"
    return response


@post_or_page("blocking:index")
def publish(request: HttpRequest, how: str) -> HttpResponse:
    """Publish an article, and measure how long the sender of the signal waits."""
    if how not in Publication.How:
        raise Http404(f"Nobody publishes by {how!r}.")
    try:
        publication = _publish(Publication.How(how))
    except QUEUE_ERRORS as error:
        messages.error(request, f"The task queue cannot be reached: {error}.")
    else:
        messages.info(
            request, f"Published by {publication.get_how_display()}: you waited {publication.waited_ms:.1f} ms."
        )
    return redirect(f"{reverse('blocking:index')}#{how}")


def _publish(how: Publication.How) -> Publication:
    publication = Publication.objects.create(how=how)
    started_ns = time.perf_counter_ns()
    SIGNALS[how].send(sender=Publication, publication=publication)
    publication.waited_ms = (time.perf_counter_ns() - started_ns) / 1e6
    publication.save(update_fields=["waited_ms"])
    Publication.objects.forget_old()
    return publication
