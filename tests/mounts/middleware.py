"""Middleware that a project may have: a URLconf for each host, and a page while the site is down."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def urlconf_by_host(get_response: GetResponse) -> GetResponse:
    """Give the requests for one host another URLconf."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.get_host().startswith("admin."):
            request.urlconf = "tests.mounts.urls_of_admin"
        return get_response(request)

    return middleware


def maintenance(get_response: GetResponse) -> GetResponse:
    """Answer without a view if the request asks for it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "X-Maintenance" in request.headers:
            return HttpResponse("down", status=503)
        return get_response(request)

    return middleware
