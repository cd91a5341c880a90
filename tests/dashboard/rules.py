"""Access rules of every kind; the cookie ``rule`` chooses one for each request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject


async def async_true(_request: HttpRequest) -> bool:
    await asyncio.sleep(0)
    return True


async def async_false(_request: HttpRequest) -> bool:
    return False


async def async_truthy(_request: HttpRequest) -> Any:
    return "yes"


async def async_raises(_request: HttpRequest) -> bool:
    raise RuntimeError("no answer")


async def async_exit(_request: HttpRequest) -> bool:
    raise SystemExit


async def cancelled(_request: HttpRequest) -> bool:
    raise asyncio.CancelledError


async def staff(request: HttpRequest) -> bool:
    user: Any = await request.auser()
    return bool(user.is_staff)


async def staff_of_the_request(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_staff", False))


async def async_orm(request: HttpRequest) -> bool:
    return await get_user_model().objects.filter(username=request.user.get_username(), is_staff=True).aexists()


def orm(request: HttpRequest) -> bool:
    return get_user_model().objects.filter(username=request.user.get_username(), is_staff=True).exists()


def session(request: HttpRequest) -> bool:
    return "_auth_user_id" in request.session


class AsyncObject:
    """A callable object whose call is a coroutine."""

    def __init__(self, *, answer: bool) -> None:
        self.answer = answer

    async def __call__(self, _request: HttpRequest) -> bool:
        return self.answer


class Awaitable:
    """What can be awaited without being a coroutine."""

    def __await__(self) -> Iterator[Any]:
        return async_false(HttpRequest()).__await__()


class Hostile:
    """An object that no one may ask for its truth."""

    def __bool__(self) -> bool:
        raise ValueError


def raises(error: BaseException) -> Callable[[HttpRequest], bool]:
    def rule(_request: HttpRequest) -> bool:
        raise error

    return rule


def generator(_request: HttpRequest) -> Iterator[bool]:
    yield True


async def async_generator(_request: HttpRequest) -> AsyncIterator[bool]:
    yield True


def returns(answer: object) -> Callable[[HttpRequest], object]:
    return lambda _request: answer


ALLOWING: dict[str, Callable[..., Any]] = {
    "true": returns(answer=True),
    "async_true": async_true,
    "async_object_true": AsyncObject(answer=True),
    "partial_true": partial(async_true),
    "awaitable_true": lambda request: async_true(request),
}
STAFF: dict[str, Callable[..., Any]] = {
    "staff": staff,
    "staff_of_the_request": staff_of_the_request,
    "async_orm": async_orm,
    "orm": orm,
    "session": session,
}
REFUSING: dict[str, Callable[..., Any]] = {
    "false": returns(answer=False),
    "none": returns(None),
    "one": returns(1),
    "one_point": returns(1.0),
    "yes": returns("yes"),
    "list": returns([True]),
    "mock": returns(Mock()),
    "lazy": returns(SimpleLazyObject(lambda: True)),
    "response": returns(HttpResponse("welcome")),
    "function": returns(async_true),
    "hostile": returns(Hostile()),
    "awaitable": returns(Awaitable()),
    "class": Mock,
    "generator": generator,
    "async_generator": async_generator,
    "async_false": async_false,
    "async_truthy": async_truthy,
    "async_raises": async_raises,
    "cancelled": cancelled,
    "async_object_false": AsyncObject(answer=False),
    "partial_false": partial(async_false),
    "denied": raises(PermissionDenied()),
    "missing": raises(Http404()),
    "error": raises(ValueError("password=hunter2")),
    "exit": raises(SystemExit(1)),
    "async_exit": async_exit,
    "closed": raises(GeneratorExit()),
    "without_arguments": lambda: True,
    "two_arguments": lambda _request, _view: True,
    "task": lambda request: asyncio.get_running_loop().create_task(async_true(request)),
}
RULES = ALLOWING | STAFF | REFUSING


def chosen(request: HttpRequest) -> Any:
    return RULES[request.COOKIES["rule"]](request)
