"""Receivers for changes of todos, and for the start of requests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.signals import request_started
from django.dispatch import receiver

from demo.accounts.signals import signed_up
from demo.todos.models import Todo
from demo.todos.signals import todo_complete, todo_done, todo_undone

logger = logging.getLogger(__name__)


@receiver(todo_complete)
def log_todo_complete(sender: type[Todo], item: Todo, **_kwargs: object) -> None:
    """Log a todo that is complete."""
    logger.info("Complete: %s", item)


@receiver(todo_done)
def log_todo_done(sender: type[Todo], item: Todo, **_kwargs: object) -> None:
    """Log a todo that is done."""
    logger.info("Done: %s", item)


@receiver(todo_undone)
def log_todo_undone(sender: type[Todo], item: Todo, **_kwargs: object) -> None:
    """Log a todo that is not done any more."""
    logger.info("Undone: %s", item)


@receiver(signed_up)
def add_first_todo(sender: type[User], user: User, **_kwargs: object) -> None:
    """Create todos for a new user."""
    Todo.objects.create(owner=user, title="Look at what signing up triggered, on the dashboard")


@receiver(request_started)
def log_request(
    sender: type, environ: Mapping[str, Any] | None = None, scope: Mapping[str, Any] | None = None, **_kwargs: object
) -> None:
    """Log method, host, path and query of a request, under WSGI (environ) and under ASGI (scope)."""
    if environ is not None:
        logger.info("Request: %s", _describe_environ(environ))
    elif scope is not None:
        logger.info("Request: %s", _describe_scope(scope))


def _describe_environ(environ: Mapping[str, Any]) -> str:
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return _cache_infos(environ.get("REQUEST_METHOD", ""), host, path, environ.get("QUERY_STRING", ""))


def _describe_scope(scope: Mapping[str, Any]) -> str:
    host = dict(scope.get("headers", ())).get(b"host", b"").decode("latin-1")
    query = scope.get("query_string", b"")
    query = query.decode("latin-1") if isinstance(query, bytes) else query  # text from Django's AsyncClient
    return _cache_infos(scope.get("method", ""), host, scope.get("path", ""), query)


def _cache_infos(method: str, host: str, path: str, query: str) -> str:
    return f"{method} {host} {path} {query}".rstrip()
