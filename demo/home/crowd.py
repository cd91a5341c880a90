"""Several visitors at once, at a steady rate, and the deletion of what they create."""

from __future__ import annotations

import math
import random
import threading
import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from demo.admissions.models import Cohort
from demo.authenticate.models import ProfileAcademy
from demo.home.errands import NAME_PREFIX
from demo.home.output import delete_old_mails
from demo.home.visitors import Visitor
from demo.marketing.models import CohortTask, FormEntry
from demo.movies.models import SearchTerm
from demo.todos.models import Todo

RATE_PER_VISITOR = 1.0
MOST_VISITORS = 16
USERS_KEPT = 60
TODOS_KEPT = 200
COHORTS_KEPT = 20
ROWS_KEPT = 100
FAILURES_IN_A_ROW = 20


class Crowd:
    """Visitors, one thread each, that together act ``rate`` times a second, or as often as the site allows."""

    def __init__(self, site: str, *, rate: float, pitfalls: bool) -> None:
        self.actions = 0
        self.failures = 0
        self.last_error: OSError | None = None
        self._failures_in_a_row = 0
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        number = max(1, min(MOST_VISITORS, math.ceil(rate / RATE_PER_VISITOR)))
        self._pause_seconds = number / rate
        self._visitors = [Visitor(site, pitfalls=pitfalls, choice=random.Random()) for _ in range(number)]  # noqa: S311
        self._threads = [threading.Thread(target=self._visit, args=[one], daemon=True) for one in self._visitors]

    def start(self) -> None:
        """Start all visitors."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let all visitors finish their action and log out."""
        self._leaving.set()
        for thread in self._threads:
            thread.join()

    @property
    def stuck(self) -> bool:
        """Whether all actions have failed for a while."""
        return self._failures_in_a_row >= FAILURES_IN_A_ROW

    def _visit(self, visitor: Visitor) -> None:
        pause = random.uniform(0, self._pause_seconds)  # noqa: S311 - so that they do not all start at once
        while not self._leaving.wait(pause):
            started = time.monotonic()
            self._count(self._attempt(visitor))
            pause = max(0.0, self._pause_seconds - (time.monotonic() - started))
        self._attempt(visitor, leave=True)

    def _attempt(self, visitor: Visitor, *, leave: bool = False) -> OSError | None:
        try:
            visitor.leave() if leave else visitor.act()
        except OSError as error:
            return error
        return None

    def _count(self, error: OSError | None) -> None:
        with self._lock:
            self.actions += 1
            self.failures += error is not None
            self._failures_in_a_row = self._failures_in_a_row + 1 if error else 0
            self.last_error = error or self.last_error


def tidy() -> None:
    """Delete all but the newest visitors and their newest rows, expired sessions and old mail."""
    _keep_newest(User.objects.filter(username__startswith=NAME_PREFIX), USERS_KEPT)
    _keep_newest(Todo.objects.filter(owner__username__startswith=NAME_PREFIX), TODOS_KEPT)
    _keep_newest(Cohort.objects.filter(slug__startswith=NAME_PREFIX), COHORTS_KEPT)
    for rows in (
        ProfileAcademy.objects.filter(email__startswith=NAME_PREFIX),
        FormEntry.objects.filter(email__startswith=NAME_PREFIX),
        CohortTask.objects.filter(cohort_user__user__username__startswith=NAME_PREFIX),
        SearchTerm.objects.filter(text__startswith=NAME_PREFIX),
    ):
        _keep_newest(rows, ROWS_KEPT)
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    delete_old_mails(settings.MAIL_DIRECTORY)


def _keep_newest(rows: QuerySet[Any], number: int) -> None:
    rows.exclude(pk__in=list(rows.order_by("-pk").values_list("pk", flat=True)[:number])).delete()
