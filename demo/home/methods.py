"""Views for POST, whose addresses people open as well: with Enter in the address bar, or from their history."""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

View = TypeVar("View", bound=Callable[..., Any])


def post_or_page(page: str) -> Callable[[View], View]:
    """Call a view, async or not, for POST only; everybody else is redirected to a page."""

    def decorated(view: View) -> View:
        @functools.wraps(view)
        def post(request: HttpRequest, **arguments: object) -> HttpResponseBase:
            response: HttpResponseBase = view(request, **arguments) if request.method == "POST" else redirect(page)
            return response

        @functools.wraps(view)
        async def apost(request: HttpRequest, **arguments: object) -> HttpResponseBase:
            response: HttpResponseBase = (
                await view(request, **arguments) if request.method == "POST" else redirect(page)
            )
            return response

        return cast("View", apost if iscoroutinefunction(view) else post)

    return decorated
