"""Attributes dispatches to requests, adds a Server-Timing header, and logs slow requests.

List it first in ``MIDDLEWARE``. ``request_started`` and ``request_finished`` are sent outside all middleware; hooks on
these two signals begin and end the request, so that their receivers belong to it too.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.signals import got_request_exception, request_finished, request_started
from django.http import HttpRequest, HttpResponseBase
from django.urls import ResolverMatch
from opentelemetry import trace

from .conf import get_config
from .errors import guarded
from .followed_browser import followed_browser
from .instrumentation import suppress
from .instrumentation.capture import failure_of
from .instrumentation.current import Origin, Record, current_origin
from .instrumentation.info import hook_signal
from .instrumentation.record import info_of, set_no_origin
from .instrumentation.record_queue import record_queue
from .instrumentation.thread_state import begin_origin, end_origin
from .mounts import is_own_path, is_own_view, remember_urlconf
from .pipeline import begin_anew_if_forked, work_for_worker
from .pipeline.process import Presence
from .pipeline.request_origin import RequestOrigin, add_up, open_requests
from .records import BROWSER_END
from .request_texts import log_slow, server_timing
from .settings_watcher import follow_settings
from .text import MAX_LINE, cleaned

PATH = f"{__name__}.SignalMonitorMiddleware"
STATIC_HANDLERS = {
    f"django.contrib.staticfiles.handlers.{name}" for name in ("StaticFilesHandler", "ASGIStaticFilesHandler")
}
NO_ROUTE = "(no route)"
GetResponse = Callable[[HttpRequest], Any]


class SignalMonitorMiddleware:
    """Attributes dispatches to the request that they belong to; works under WSGI and ASGI."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # Under ASGI, Django would call a plain method in a thread, which takes longer than all that the monitor does.
        is_awaited = self.is_async or _handler_is_async()
        self.process_view: Callable[..., Any] = self._aprocess_view if is_awaited else self._process_view

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        with _observed(request) as origin:
            response = self.get_response(request)
            _answered(request, response, origin)
        return cast("HttpResponseBase", response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with _observed(request) as origin:
            response = await self.get_response(request)
            _answered(request, response, origin)
        return cast("HttpResponseBase", response)

    def _process_view(self, request: HttpRequest, *_view: object) -> None:
        _view_resolved(request, current_origin())

    @markcoroutinefunction  # so that it is known as one when another tool has wrapped it with functools.wraps
    async def _aprocess_view(self, request: HttpRequest, *_view: object) -> None:
        _view_resolved(request, current_origin())


def _handler_is_async() -> bool:
    """Whether the handler that is loading the middleware is asynchronous; ``get_response`` may not be, even so."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - Django does not tell
    while frame is not None and frame.f_code.co_name != "load_middleware":
        frame = frame.f_back
    return frame is not None and bool(frame.f_locals.get("is_async"))


@contextlib.contextmanager
def _observed(request: HttpRequest) -> Iterator[RequestOrigin | None]:
    """Attribute dispatches to a request while it is processed.

    Until the view is known, they wait: what belongs to the dashboard's own requests is dropped.
    """
    origin = _claim(request)
    try:
        if origin is None:
            with suppress():
                yield None
        else:
            yield origin
    except BaseException as error:
        if origin is not None:
            _note_failure(origin, error)
        raise
    finally:
        if origin is not None:
            _view_resolved(request, origin)
            origin.end()
            if not origin.framed:
                close_request()


@guarded("the start of a request", None)
def _claim(request: HttpRequest) -> RequestOrigin | None:
    follow_settings()
    origin = current_origin()
    if not isinstance(origin, RequestOrigin) or origin.claimed:
        origin = _opened(framed=False, pending=True)
    origin.claimed = True
    open_requests[id(origin)] = origin
    origin.method = cleaned(request.method or "")
    origin.path = cleaned(request.path, MAX_LINE) if _keeps_paths() else NO_ROUTE
    if browser := followed_browser(request):
        origin.id = f"{browser}{BROWSER_END}{origin.id}"
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        origin.trace_id = f"{context.trace_id:032x}"  # also if not sampled: log lines have it
        origin.span_id = f"{context.span_id:016x}" if context.trace_flags.sampled else None
    return origin


@guarded("the view of a request", None)
def _view_resolved(request: HttpRequest, origin: Origin | None) -> None:
    """Deliver what was dispatched for a request so far, or drop it if the view is one of the dashboard's.

    A request that was answered before its view was looked up is judged by its path.
    """
    if not isinstance(origin, RequestOrigin) or origin.view_resolved:
        return
    origin.view_resolved = True
    match, urlconf = request.resolver_match, getattr(request, "urlconf", None)
    if is_own_view(match) if match else is_own_path(request.path_info, urlconf):
        origin.ignored, origin.pending = True, None
        Presence.serves_pages = True
        remember_urlconf(urlconf)
    else:
        _name_view(origin, match)
        origin.release(record_queue.append)


def _name_view(origin: RequestOrigin, match: ResolverMatch | None) -> None:
    """Note the view: now, as a request may end without a response."""
    if match is not None:
        if not _keeps_paths():
            origin.path = cleaned(f"/{match.route}", MAX_LINE)
        origin.view = cleaned(str(match.view_name or match._func_path))  # noqa: SLF001


def _keeps_paths() -> bool:
    wanted = get_config().REQUEST_PATHS
    return settings.DEBUG if wanted is None else wanted


@guarded("the failure of a request", None)
def _note_failure(origin: RequestOrigin, error: BaseException) -> None:
    origin.failure = origin.failure or failure_of(error)


@guarded("the failure of a request", None)
def note_exception() -> None:
    """Django is about to answer an exception with a status of 500, or to let it through; it handles it now."""
    origin, error = current_origin(), sys.exception()
    while error is not None and not failure_of(error).lines:
        error = error.__context__  # the one before was raised and caught in our send method
    if isinstance(origin, RequestOrigin) and not origin.ended and error is not None:
        _note_failure(origin, error)


@guarded("the end of a request", None)
def _answered(request: HttpRequest, response: HttpResponseBase, origin: RequestOrigin | None) -> None:
    if origin is None:
        return
    _view_resolved(request, origin)
    if origin.ignored:
        return
    origin.end()
    origin.status = response.status_code
    config = get_config()
    slow = config.request_slow_ns is not None and origin.duration_ns >= config.request_slow_ns
    timing = _wants_timing(request, enabled=config.SERVER_TIMING)
    if not timing and not (slow and settings.DEBUG):
        return
    totals = add_up(origin)
    if timing:
        others = response.headers.get("Server-Timing")
        value = server_timing(totals)
        response.headers["Server-Timing"] = f"{others}, {value}" if others else value
    if slow and settings.DEBUG:
        log_slow(origin, totals)


def _wants_timing(request: HttpRequest, *, enabled: bool | None) -> bool:
    """Whether this client may see timings: with DEBUG, or as a staff user whom the view has loaded already."""
    if enabled is not None:
        return enabled
    user = request.__dict__.get("_cached_user")
    return settings.DEBUG or bool(getattr(user, "is_active", False) and is_staff(user))


def is_staff(user: object) -> bool:
    """Whether a user is staff or, where the user model has no ``is_staff``, a superuser."""
    return bool(getattr(user, "is_staff", getattr(user, "is_superuser", False)))


def open_request() -> None:
    """Begin a request; ``request_started`` is about to be dispatched."""
    _opened(framed=True, pending=PATH in settings.MIDDLEWARE)


def _opened(*, framed: bool, pending: bool = False) -> RequestOrigin:
    """Make a new request the current one."""
    begin_anew_if_forked()
    origin, around = RequestOrigin(framed=framed, pending=pending), current_origin()
    begin_origin(origin)
    if isinstance(around, RequestOrigin):
        around.release(_unclaimed)
        # A request without a response is still being processed, and its view makes this one; any other was left over.
        if not around.claimed or around.ended:
            origin.before = around.before
            if around.claimed:
                _deliver(around)
    return origin


def _unclaimed(record: Record) -> None:
    """Deliver a record of a request that did not reach the middleware, unless it is for a static file.

    Only the development server serves static files, among them those of the dashboard.
    """
    set_no_origin(record)
    if info_of(record).sender not in STATIC_HANDLERS:
        record_queue.append(record)


def close_request() -> None:
    """End a request; ``request_finished`` was dispatched."""
    origin = current_origin()
    if not isinstance(origin, RequestOrigin):
        return
    end_origin(origin)
    origin.release(_unclaimed)
    if origin.claimed:
        _deliver(origin)
    origin.closed = True
    if not origin.ignored:
        work_for_worker()


def _deliver(origin: RequestOrigin) -> None:
    """Hand a request that has ended to the worker, once; its ``request_finished`` may never come."""
    if not origin.closed and not origin.ignored:
        origin.closed = True
        record_queue.append(origin)


def hook_requests() -> None:
    """Begin and end requests when Django sends ``request_started`` and ``request_finished``."""
    hook_signal(request_started, before=open_request)
    hook_signal(request_finished, after=close_request)
    hook_signal(got_request_exception, before=note_exception)
