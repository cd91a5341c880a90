"""The application answers for HTTP, for the websocket where the pages are mounted, and for servers that ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import pytest
from asgiref.sync import iscoroutinefunction
from channels.routing import URLRouter
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django.fixtures import Settings

from signal_monitor.asgi import Application, Receive, Scope, Send, get_asgi_application
from signal_monitor.instrumentation.thread_state import current_state
from signal_monitor.middleware import PATH as MIDDLEWARE
from signal_monitor.routing import websocket_urlpatterns

OWN_PAGE = [(b"host", b"testserver"), (b"origin", b"http://testserver")]


def anyone(_request: HttpRequest) -> bool:
    return True


def suppressed(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(current_state().suppressed))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A websocket application of the project's own."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["path"]})
    await receive()


monitor_patterns = ([path("", suppressed, name="overview"), path("live/", suppressed)], "signal_monitor")
urlpatterns = [path("internal/", include(monitor_patterns)), path("shop/", suppressed)]


@pytest.fixture(autouse=True)
def _project(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": f"{__name__}.anyone"}


def socket_at(application: Application, where: str) -> WebsocketCommunicator:
    return WebsocketCommunicator(application, where, headers=OWN_PAGE)


@pytest.mark.parametrize(
    ("where", "expected"), [("/internal/", b"True"), ("/internal/live/", b"True"), ("/shop/", b"False")]
)
async def test_requests_for_the_monitors_pages_are_not_observed(where: str, expected: bytes) -> None:
    communicator = HttpCommunicator(get_asgi_application(), "GET", where, headers=OWN_PAGE)
    response = await communicator.get_response()
    await communicator.wait()
    assert response["body"] == expected


async def test_the_socket_is_where_the_pages_are_mounted() -> None:
    communicator = socket_at(get_asgi_application(), "/internal/ws/?page=nowhere")
    accepted, _ = await communicator.connect()
    assert accepted
    assert (await communicator.receive_output())["code"] == 4404
    await communicator.disconnect()


@pytest.mark.parametrize(
    "where",
    [
        "/signals/ws/?page=live",
        "/internal/ws?page=live",
        "/",
        "/internal/ws/more/?page=live",
        "/internal/ws/",
        "/elsewhere/ws/?page=live&key=%FF",
        f"/internal/ws/?page=live{'&a' * 2000}",
        "/elsewhere/ws/?page=live&key=ws/:forged",
    ],
)
async def test_other_sockets_are_refused(where: str) -> None:
    accepted, _ = await socket_at(get_asgi_application(), where).connect()
    assert not accepted


async def test_other_sockets_reach_the_projects_own_application() -> None:
    communicator = socket_at(get_asgi_application(websocket=echo), "/chat/")
    await communicator.connect()
    assert await communicator.receive_from() == "/chat/"
    await communicator.disconnect()


async def test_a_router_of_the_projects_own_can_hold_the_socket() -> None:
    router = URLRouter([*websocket_urlpatterns, path("chat/", cast("Any", echo))])
    live = socket_at(router, "/internal/ws/?page=nowhere")
    assert (await live.connect())[0]
    await live.disconnect()
    chat = socket_at(router, "/chat/")
    assert (await chat.connect())[0]
    await chat.disconnect()


def synchronous(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware as many projects have it."""
    return get_response


@pytest.mark.parametrize("others", [[], [f"{__name__}.synchronous"]], ids=["alone", "around a synchronous one"])
@pytest.mark.parametrize(("handler", "expected"), [(ASGIHandler, "_aprocess_view"), (WSGIHandler, "_process_view")])
def test_the_middleware_learns_the_view_without_a_thread(
    settings: Settings, handler: Callable[[], Any], expected: str, others: list[str]
) -> None:
    """Under ASGI, Django calls a plain ``process_view`` in a thread, and under WSGI another one in an event loop."""
    settings.MIDDLEWARE = [MIDDLEWARE, *others]
    (process_view,) = handler()._view_middleware
    assert process_view.__name__ == expected


def test_process_view_is_known_as_asynchronous_when_a_tool_has_wrapped_it(settings: Settings) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE]
    process_view = ASGIHandler()._view_middleware[0]  # type: ignore[attr-defined] # not typed

    @wraps(process_view)
    def wrapped(*arguments: object) -> object:
        return process_view(*arguments)

    assert iscoroutinefunction(wrapped)


async def test_a_server_that_announces_start_and_end_is_answered() -> None:
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    async with asyncio.timeout(5):
        await get_asgi_application()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_traced_application_has_no_span_of_the_live_socket_messages() -> None:
    """OpenTelemetry's middleware would make one of each."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    application = OpenTelemetryMiddleware(get_asgi_application(websocket=echo), tracer_provider=provider)
    live = socket_at(application, "/internal/ws/?page=nowhere")
    await live.connect()
    await live.receive_output()
    await live.disconnect()
    names = [span.name for span in exporter.get_finished_spans()]
    assert [name for name in names if name.endswith((" send", " receive"))] == []

    chat = socket_at(application, "/chat/")
    await chat.connect()
    await chat.receive_from()
    await chat.disconnect()
    names = [span.name for span in exporter.get_finished_spans()]
    assert [name for name in names if name.endswith((" send", " receive"))] != []
