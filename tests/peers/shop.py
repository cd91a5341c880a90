"""A shop in small: a request places an order; to reserve it counts the stock, and to notify the customer fails."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse
from django.urls import path

placed = Signal()
reserved = Signal()


class Order:
    """What the signals are about."""


@receiver(placed)
def reserve(**kwargs: Any) -> None:
    reserved.send(sender=Order)


@receiver(placed)
def notify(**kwargs: Any) -> None:
    raise ConnectionError("no post today")


@receiver(reserved)
def count_stock(**kwargs: Any) -> int:
    return 41


def place(request: HttpRequest) -> HttpResponse:
    placed.send_robust(sender=Order)
    return HttpResponse("placed")


urlpatterns = [path("orders/", place)]
