"""Warnings point at the line that they point at without the monitor."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction
from django.db.models.signals import post_delete

from signal_monitor.database import bulk, database_work, wrappers

pytestmark = [pytest.mark.django_db(transaction=True)]
DJANGO = str(Path(transaction.__file__).parents[1])


class Backend(BaseEmailBackend):
    """A backend that warns, as its users see it."""

    def send_messages(self, email_messages: Any) -> int:
        warnings.warn("sent", stacklevel=2)
        return len(email_messages)


class InitBackend(BaseEmailBackend):
    """A backend of which ``__init__`` is Django's."""

    def send_messages(self, email_messages: Any) -> int:
        return len(email_messages)


def warn(stacklevel: int) -> None:
    warnings.warn("from the receiver", stacklevel=stacklevel)
    if sys.version_info >= (3, 12):
        warnings.warn("outside Django", skip_file_prefixes=(DJANGO,))


def delete(stacklevel: int) -> None:
    def receiver(**_: Any) -> None:
        warn(stacklevel)

    Group.objects.create(name="a")
    post_delete.connect(receiver, sender=Group)
    Group.objects.filter(name="a").delete()
    post_delete.disconnect(receiver, sender=Group)


def execute(stacklevel: int) -> None:
    def wrapper(execute: Callable[..., Any], *args: Any) -> Any:
        warn(stacklevel)
        return execute(*args)

    def function(*_: Any) -> int:
        warn(stacklevel)
        return 1

    with connection.execute_wrapper(wrapper), connection.cursor() as cursor:
        connection.connection.create_function("warn_here", 0, function)
        cursor.execute("SELECT warn_here()")


def mail(stacklevel: int) -> None:
    backend = Backend()
    backend.send_messages([stacklevel])
    InitBackend(fail_silently=True, unknown=stacklevel)


def on_commit(stacklevel: int) -> None:
    with transaction.atomic():
        Group.objects.update(name="b")
        transaction.on_commit(lambda: warn(stacklevel))


def mail_of_django(_stacklevel: int) -> None:
    """Django warns of an argument only where it comes from code outside Django."""
    EmailBackend(unknown=1)
    EmailBackend(fail_silently=True)


@contextmanager
def observed(*, on: bool) -> Iterator[None]:
    if not on:
        database_work.stop()
    try:
        yield
    finally:
        database_work.start()


def places(work: Callable[[int], None], stacklevel: int) -> list[tuple[str, int]]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        work(stacklevel)
    return [(one.filename, one.lineno) for one in found]


@pytest.mark.parametrize("work", [delete, execute, mail, mail_of_django, on_commit])
@pytest.mark.parametrize("stacklevel", [1, 2, 3, 4, 5, 6, 7, 8])
def test_same_place_as_without(work: Callable[[int], None], stacklevel: int) -> None:
    found = []
    for on in (False, True):
        with observed(on=on):
            found.append(places(work, stacklevel))

    assert found[0] == found[1]


def test_no_frame_of_a_replaced_method_counts() -> None:
    replaced = [vars(cls)[name].__code__.co_filename for cls, name, _ in (*wrappers.REPLACED, *bulk.REPLACED)]
    Backend()
    replaced += [vars(Backend)["send_messages"].__code__.co_filename]

    assert {"importlib" in name and "_bootstrap" in name for name in replaced} == {True}
