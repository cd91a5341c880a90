"""A page that dispatches."""

from __future__ import annotations

import os

from django.http import HttpRequest, HttpResponse
from django.urls import path

from .signals import ordered


def order(request: HttpRequest) -> HttpResponse:
    """Dispatch, and say which process did."""
    ordered.send(sender="shop")
    return HttpResponse(str(os.getpid()))


urlpatterns = [path("order/", order)]
