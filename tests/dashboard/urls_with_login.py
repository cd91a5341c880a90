"""The URLs of a project with a login page of its own and no admin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def log_in(_request: HttpRequest) -> HttpResponse:
    """The login page."""
    return HttpResponse("log in")


urlpatterns = [path("log-in/here/", log_in, name="log-in")]
