"""Pages that make traffic: each request to one sends the signal of this module."""

from __future__ import annotations

import threading
import time

from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse

order_placed = Signal()


@receiver(order_placed)
def reserve_stock(*, milliseconds: float, **_kwargs: object) -> None:
    """Block the request for as long as it asked."""
    time.sleep(milliseconds / 1000)


@receiver(order_placed)
def charge_card(*, fails: bool, **_kwargs: object) -> None:
    """Raise when the request asked for it."""
    if fails:
        raise ValueError("card declined")


@receiver(order_placed)
def send_mail(**_kwargs: object) -> str:
    """Answer."""
    return "sent"


def _wanted(request: HttpRequest) -> dict[str, float | bool]:
    return {"milliseconds": float(request.GET.get("ms", 0)), "fails": "fail" in request.GET}


def send(request: HttpRequest) -> HttpResponse:
    """Send the signal robustly: ``?ms=150`` makes a receiver slow, ``?fail`` makes the next one fail."""
    responses = order_placed.send_robust("tests.shop", **_wanted(request))
    return HttpResponse(f"{len(responses)} receivers")


async def asend(request: HttpRequest) -> HttpResponse:
    """Do the same from asynchronous code."""
    responses = await order_placed.asend_robust("tests.shop", **_wanted(request))
    return HttpResponse(f"{len(responses)} receivers")


ODD = "\x1b[31m\x00 \u202eevil\u2028 \ud800\udc80 ad\u200bmin\n2099-01-01 forged"
"""Text that a terminal obeys, that cannot be encoded, or that looks like other text."""


@receiver(order_placed, sender=ODD)
def fail_oddly(**_kwargs: object) -> None:
    """Raise with odd text, after long enough to be slow."""
    time.sleep(0.26)
    raise ValueError(ODD)


fail_oddly.__qualname__ = f"fail{ODD}"


def send_oddly(_request: HttpRequest, rest: str) -> HttpResponse:
    """Send from a thread and for a sender with odd names; the path of the request may be odd as well."""
    thread = threading.Thread(target=order_placed.send_robust, args=(ODD,), kwargs=_ODD_ARGUMENTS, name=ODD)
    thread.start()
    thread.join()
    order_placed.send_robust(ODD, **_ODD_ARGUMENTS)
    return HttpResponse(f"{len(rest)} characters")


_ODD_ARGUMENTS = {"milliseconds": 0, "fails": False}
