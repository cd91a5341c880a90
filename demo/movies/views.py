"""The movie search and its results."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from kombu.exceptions import OperationalError

from demo.movies.forms import NOW, SearchForm
from demo.movies.models import Genre, SearchTerm
from demo.movies.omdb import OmdbError
from demo.movies.search import find_movies
from demo.movies.tasks import search_in_background

RECENT = 8
REFRESH_SECONDS = 1
PATIENCE = timedelta(seconds=10)
GIVE_UP = timedelta(minutes=2)
# From a broker on a server, and from a directory.
QUEUE_ERRORS = (OperationalError, OSError)


@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """The form, the last searches, and the genres."""
    form = SearchForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _start(request, form)
    context = {
        "form": form,
        "recent": SearchTerm.objects.all()[:RECENT],
        "genres": Genre.objects.filter(movie_count__gt=0),
    }
    return render(request, "movies/search.html", context)


@require_safe
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """The result of a search; the page reloads until it has ended."""
    return _render_result(request, get_object_or_404(SearchTerm, pk=pk))


def _start(request: HttpRequest, form: SearchForm) -> HttpResponse:
    term = SearchTerm.objects.ask(form.cleaned_data["text"])
    status = _search_now(term) if form.cleaned_data["how"] == NOW else _search_later(term)
    if status is not HTTPStatus.OK:
        return _render_result(request, term, status=status)
    return redirect("movies:result", pk=term.pk)


def _search_now(term: SearchTerm) -> HTTPStatus:
    try:
        find_movies(term)
    except OmdbError:  # stored with the term
        return HTTPStatus.BAD_GATEWAY
    return HTTPStatus.OK


def _search_later(term: SearchTerm) -> HTTPStatus:
    try:
        search_in_background.delay(term.pk)
    except QUEUE_ERRORS as error:
        term.fail(f"The task queue cannot be reached: {error}.")
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.OK


def _render_result(request: HttpRequest, term: SearchTerm, status: int = 200) -> HttpResponse:
    waited = timezone.now() - term.asked_at
    again = SearchForm(initial={"text": term.text})
    context = {"term": term, "form": again, "late": waited > PATIENCE, "movies": term.movies.prefetch_related("genres")}
    response = render(request, "movies/result.html", context, status=status)
    if term.status == SearchTerm.Status.PENDING and waited < GIVE_UP:
        # With the whole address: with a fragment (#content) alone, a browser would scroll and not reload.
        response.headers["Refresh"] = f"{REFRESH_SECONDS}; url={reverse('movies:result', args=[term.pk])}"
    return response
