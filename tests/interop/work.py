"""What the program under test does: signals of every kind, sent in a request under WSGI and in one under ASGI."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse

placed = Signal()
cached = Signal(use_caching=True)
refused = Signal()
notified = Signal()
declined = Signal()
orphaned = Signal()

answers: list[Any] = []
"""What was answered, raised and logged so far."""
numbers = itertools.count()


class Order:
    """A sender that can be weakly referenced, as caching signals want."""


class Desk:
    """Its bound method is a receiver."""

    def note(self, **kwargs: Any) -> str:
        return "noted"


desk = Desk()


def reserve(**kwargs: Any) -> str:
    return "reserved"


def refuse(**kwargs: Any) -> None:
    raise ValueError("no stock")


def place(**kwargs: Any) -> list[Any]:
    """A receiver that dispatches."""
    return [response for _, response in placed.send(Order)]


def label(text: str, **kwargs: Any) -> str:
    return text


labelled = functools.partial(label, "labelled")


async def notify(**kwargs: Any) -> str:
    await asyncio.sleep(0)
    return "notified"


async def decline(**kwargs: Any) -> None:
    await asyncio.sleep(0)
    raise LookupError("unknown")


def connect() -> None:
    """Connect the receivers, the model's among them."""
    from django.contrib.contenttypes.models import ContentType  # there are no models before the set-up

    receivers: dict[Signal, tuple[Callable[..., Any], ...]] = {
        placed: (reserve, desk.note),
        cached: (reserve, labelled, place),
        refused: (reserve, refuse, desk.note),
        notified: (reserve, notify),
        declined: (decline,),
    }
    for signal, group in receivers.items():
        for receiver in group:
            signal.connect(receiver)
    post_save.connect(place, sender=ContentType)
    with connection.schema_editor() as editor:
        editor.create_model(ContentType)


def shop(request: HttpRequest) -> HttpResponse:
    """Every kind of synchronous send; what caches is sent twice, for its cache is cold and then warm."""
    from django.contrib.contenttypes.models import ContentType  # there are no models before the set-up

    tell(placed.send, Order)
    tell(cached.send, Order)
    tell(cached.send, Order)
    tell(refused.send, Order)
    tell(refused.send_robust, "a name")
    tell(orphaned.send, Order)
    tell(notified.send, None)
    answers.append(ContentType.objects.create(app_label="interop", model=f"order{next(numbers)}").app_label)
    return HttpResponse("<html><body>sold</body></html>")


async def call_centre(request: HttpRequest) -> HttpResponse:
    """Every kind of asynchronous send."""
    await atell(placed.asend, Order)
    await atell(notified.asend, Order)
    await atell(notified.asend, Order)
    await atell(declined.asend, Order)
    await atell(declined.asend_robust, Order)
    await atell(refused.asend_robust, Order)
    return HttpResponse("<html><body>called</body></html>")


def tell(send: Callable[..., Any], sender: object) -> None:
    """Send, and note what was answered or raised, and through which functions."""
    try:
        answers.append(_plain(send(sender)))
    except Exception as error:  # noqa: BLE001 - it is what is noted
        answers.append([_plain(error), _functions(error)])


async def atell(send: Callable[..., Any], sender: object) -> None:
    """Send, and note what was answered or raised."""
    try:
        answers.append(_plain(await send(sender)))
    except Exception as error:  # noqa: BLE001 - it is what is noted
        answers.append(_plain(error))


def _functions(error: BaseException) -> list[str]:
    found, traceback = [], error.__traceback__
    while traceback is not None:
        found.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return found


def _plain(answer: Any) -> Any:
    """An answer as JSON can hold it; a receiver by its type and name."""
    if isinstance(answer, list | tuple):
        return [_plain(item) for item in answer]
    if isinstance(answer, BaseException):
        return [type(answer).__name__, *answer.args, repr(answer.__cause__), repr(answer.__context__)]
    if callable(answer):
        return [type(answer).__name__, getattr(answer, "__qualname__", "")]
    return answer


class Noting(logging.Handler):
    """Notes what Django logs of receivers that fail."""

    def emit(self, record: logging.LogRecord) -> None:
        answers.append([record.name, record.levelname, record.getMessage()])


def run() -> list[Any]:
    """Both requests; what was answered, raised and logged."""
    answers.clear()
    _request_under_wsgi()
    asyncio.run(_request_under_asgi())
    return list(answers)


def _request_under_wsgi() -> None:
    from django.core.wsgi import get_wsgi_application  # tools replace it

    environ: dict[str, Any] = {"PATH_INFO": "/shop/", "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    application: Any = get_wsgi_application()
    response = application(environ, lambda status, headers, *error: statuses.append(status))
    body = b"".join(response)
    response.close()
    if statuses != ["200 OK"] or b"sold" not in body:
        raise RuntimeError(f"the shop answers {statuses}")


async def _request_under_asgi() -> None:
    from django.core.asgi import get_asgi_application  # tools replace it

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/call-centre/",
        "headers": [],
        "query_string": b"",
    }
    scope |= {"client": ["127.0.0.1", 1], "server": ["127.0.0.1", 80], "scheme": "http", "asgi": {"version": "3.0"}}
    communicator: Any = ApplicationCommunicator(get_asgi_application(), scope)  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request", "body": b""})
    start = await communicator.receive_output(30)
    await communicator.receive_output(30)
    await communicator.wait(30)
    if start["status"] != 200:
        raise RuntimeError(f"the call centre answers {start['status']}")
