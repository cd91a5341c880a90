"""The pages of the programs' site."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from .scenario import monitor


def hello(request: HttpRequest) -> HttpResponse:
    """Answer with what the monitor could have left on the request."""
    return HttpResponse(" ".join(sorted(vars(request))))


urlpatterns = [path("hello/", hello)]
if monitor.mode in {"app", "traced"}:
    urlpatterns.append(path("signals/", include("signal_monitor.urls")))  # type: ignore[arg-type]
