"""The view that is measured, and one that returns the CPU time of its requests."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

from benchmarks.site import Site

from . import SAVES
from .models import Item


def make_items() -> None:
    """Create the rows to save."""
    for number in range(SAVES):
        Item.objects.create(name=f"item {number}")


def save_all(request: HttpRequest) -> HttpResponse:
    """Save twenty rows, one by one."""
    with transaction.atomic():
        for item in Item.objects.order_by("pk")[:SAVES]:
            item.price += 1
            item.save()
    return HttpResponse("saved")


def usage(request: HttpRequest) -> JsonResponse:
    """CPU time of the process; ``requests`` is the number of requests since the last call, including that call."""
    assert Site.serving is not None  # noqa: S101 - for the type checker: the WSGI application made it
    asked_before = int(request.GET["asked"])
    return JsonResponse({"used_ns": Site.serving.usage_ns(int(request.GET["requests"]), asked_before)})
