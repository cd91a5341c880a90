"""A site whose receivers save, wait, fail and take their time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.urls import urlpatterns as demo_urlpatterns

work = Signal()
counted = Signal()
locked = Signal()
lock = threading.Lock()
SLEEP = 0.02
SLOW = 0.35


@receiver(post_save, sender=User)
def save_group(instance: User, **_kwargs: object) -> None:
    """Save a group, whose receiver saves the next user."""
    time.sleep(SLEEP)
    if left := _left(instance.username):
        Group.objects.create(name=f"nested-{left - 1}-{time.time_ns()}")


@receiver(post_save, sender=Group)
def save_user(instance: Group, **_kwargs: object) -> None:
    """Save a user, whose receiver saves the next group."""
    time.sleep(SLEEP)
    if left := _left(instance.name):
        User.objects.create(username=f"nested-{left - 1}-{time.time_ns()}")


def _left(name: str) -> int:
    return int(name.split("-")[1]) if name.startswith("nested-") else 0


@receiver(work)
def block(**_kwargs: object) -> None:
    """Take a moment in the thread of the dispatch."""
    time.sleep(SLEEP)


@receiver(counted)
def quick(**_kwargs: object) -> None:
    """Take a millisecond, far below the limit."""
    time.sleep(0.001)


@receiver(locked)
def take_lock(**_kwargs: object) -> None:
    """Wait for what another thread holds."""
    with lock:
        time.sleep(SLEEP)


def waiting(_request: HttpRequest) -> HttpResponse:
    """Send while another thread holds the lock."""
    taken = threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            time.sleep(2 * SLOW)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    locked.send("waiting")
    thread.join()
    return HttpResponse("done")


def nested(_request: HttpRequest) -> HttpResponse:
    """Two models that save each other, six deep."""
    User.objects.create(username=f"nested-5-{time.time_ns()}")
    return HttpResponse("saved")


def many(_request: HttpRequest) -> HttpResponse:
    """Many quick calls of one receiver."""
    for _ in range(160):
        counted.send("many")
    return HttpResponse("counted")


def broken(_request: HttpRequest) -> HttpResponse:
    """Fail in the view, where no receiver is to blame."""
    work.send("broken")
    raise LookupError("the view broke")


async def abroken(_request: HttpRequest) -> HttpResponse:
    """Do the same from asynchronous code."""
    await work.asend("broken")
    raise LookupError("the view broke")


def refused(_request: HttpRequest) -> HttpResponse:
    """Answer with an error, without an exception."""
    return HttpResponse("refused", status=503)


async def busy(_request: HttpRequest) -> HttpResponse:
    """Wait for the thread that all requests share."""
    await work.asend("busy")
    return HttpResponse("done")


def hanging(request: HttpRequest) -> HttpResponse:
    """Send, and then take the time that was asked for."""
    work.send("hanging")
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse("done")


def idle(_request: HttpRequest) -> HttpResponse:
    """Take a while without any signal."""
    time.sleep(0.6)
    return HttpResponse("done")


def empty(_request: HttpRequest) -> HttpResponse:
    """Send nothing."""
    return HttpResponse("nothing")


async def asleep(request: HttpRequest) -> HttpResponse:
    """Wait for the time that was asked for, on the event loop."""
    await asyncio.sleep(float(request.GET["seconds"]))
    return HttpResponse("awake")


def slowest(_request: HttpRequest) -> HttpResponse:
    """Send until the request is slow."""
    for _ in range(20):
        work.send("slowest")
    return HttpResponse("done")


SHOWN = (nested, many, broken, abroken, refused, busy, hanging, idle, empty, asleep, slowest, waiting)
views: dict[str, Any] = {view.__name__: view for view in SHOWN}
urlpatterns = [*(path(f"{name}/", view, name=name) for name, view in views.items()), *demo_urlpatterns]
