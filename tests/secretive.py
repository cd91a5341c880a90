"""A site whose receivers fail with secrets in their messages."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal
from django.http import Http404, HttpRequest
from django.urls import path

from tests.asgi import application
from tests.urls import urlpatterns

__all__ = ["application"]

login_failed = Signal()


def report(**_kwargs: Any) -> None:
    raise ConnectionError("cannot reach https://bob:hunter2@mail.example: password=hunter2")


def reset(_request: HttpRequest, token: str) -> None:
    login_failed.send(sender=f"token={token}")
    raise Http404


login_failed.connect(report)
urlpatterns.append(path("reset/MQ/<token>/", reset))  # type: ignore[arg-type]
