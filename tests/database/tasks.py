"""A task of ``django.tasks``, for Django 6.0 and later."""

from __future__ import annotations

from django.tasks import task


@task
def do_nothing() -> None:
    pass
