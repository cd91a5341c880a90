"""The project's own access rule: only exactly ``True`` lets anybody in, whatever else the rule returns or raises."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .interruptions import is_interruption

MAX_REPORTS = 20
_reported: set[str] = set()

logger = logging.getLogger("signal_monitor")


def allows(path: str, request: HttpRequest) -> bool:
    """Whether the rule with a dotted path returns ``True`` for a request; blocking.

    An async rule is awaited. A rule that raises lets nobody in; the log says so once. SystemExit is no exception, as
    strangers could end the server otherwise.
    """
    try:
        answer = import_string(path)(request)
        if inspect.isawaitable(answer):
            bool(request.user.is_authenticated)  # loads the user, which an async rule could not do
            answer = _awaited(answer)
    except PermissionDenied:
        return False
    except (Exception, asyncio.CancelledError, SystemExit, GeneratorExit) as error:
        if is_interruption(error):
            raise
        _report(path, f"raised {type(error).__name__}", error)
        return False
    if not isinstance(answer, bool):
        _report(path, f"returned an object of the type {type(answer).__name__}, not True or False")
    return answer is True


def _awaited(answer: Awaitable[Any]) -> object:
    async def wait() -> object:
        return await answer

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return async_to_sync(wait)()
    return _in_thread(copy_context().run, async_to_sync(wait))


def _in_thread(function: Callable[..., object], *arguments: object) -> object:
    """The result of a function that runs in a thread of its own: the loop of this one cannot be waited for."""
    results: list[object] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run, name="signal-monitor-access")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _report(path: str, what: str, error: BaseException | None = None) -> None:
    text = f"{path} {what}"
    if text not in _reported and len(_reported) < MAX_REPORTS:
        _reported.add(text)
        logger.error("SIGNAL_MONITOR['ACCESS'] lets nobody in: %s.", text, exc_info=error)


def reason_against(path: str) -> str:
    """Why what a dotted path names cannot be an access rule; "" if it can."""
    try:
        rule = import_string(path)
    except Exception as error:  # noqa: BLE001 - a module may raise anything when it is imported
        return f"it cannot be imported ({type(error).__name__}: {error})"
    if inspect.isclass(rule):
        return "it is a class, and an instance is not True"
    if not callable(rule):
        return f"it is an object of the type {type(rule).__name__}, which cannot be called"
    if any(map(_is_generator, (rule, vars(type(rule)).get("__call__"), inspect.unwrap(rule)))):
        return "it is a generator function, and a generator is not True"
    return "" if _takes_request(rule) else "it cannot be called with one argument, the request"


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _takes_request(rule: Callable[..., object]) -> bool:
    try:
        signature = inspect.signature(rule)
    except ValueError:  # some functions that are written in C have none
        return True
    try:
        signature.bind(object())
    except TypeError:
        return False
    return True
