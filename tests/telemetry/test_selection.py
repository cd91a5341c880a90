"""Which dispatches and receivers get spans: patterns of signals, senders, receivers and applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.signals import post_init
from django.dispatch import Signal
from opentelemetry import trace
from pytest_django.fixtures import Settings

from demo.todos import models as todos
from demo.todos.signals import todo_done
from tests.telemetry.providing import Spans

paid = Signal()
shipped = Signal()


def notify(**kwargs: Any) -> None: ...


def ship(**kwargs: Any) -> None:
    with trace.get_tracer("test").start_as_current_span("sql"):
        pass


@pytest.fixture(autouse=True)
def _receivers() -> Iterator[None]:
    pairs = [(paid, notify), (paid, ship), (shipped, notify)]
    for signal, receiver in pairs:
        signal.connect(receiver)
    yield
    for signal, receiver in pairs:
        signal.disconnect(receiver)


@pytest.fixture
def select(settings: Settings, spans: Spans) -> Callable[..., set[str]]:
    """The names of the spans that some dispatches have with given settings."""

    def select(**patterns: Any) -> set[str]:
        settings.SIGNAL_MONITOR = {"STORE": "memory", **patterns}
        with spans.tracer.start_as_current_span("request"):
            for _ in range(2):  # the second time, plans and what was found are at hand
                paid.send(sender=User)
                paid.send_robust(sender=Group)
                shipped.send(sender=User)
        names = [name.replace("telemetry.test_selection.", "") for name in spans.finished()]
        return {name for name in names if name != "request"}

    return select


def test_everything_by_default(select: Callable[..., set[str]]) -> None:
    assert select() == {"send paid", "send shipped", "receive notify", "receive ship", "sql"}


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["*.paid"], {"send shipped", "receive notify", "sql"}),
        (["*.User"], {"send paid", "receive notify", "receive ship", "sql"}),
        (["*.User", "*.Group"], {"sql"}),
        (["*.ship"], {"send paid", "send shipped", "receive notify", "sql"}),
        (["tests.*", "!*.paid", "!*.ship"], {"send paid", "receive ship", "sql"}),
        (["!*.shipped", "*.shipped"], {"send paid", "receive notify", "receive ship", "sql"}),
    ],
)
def test_patterns(select: Callable[..., set[str]], exclude: list[str], expected: set[str]) -> None:
    assert select(SPANS_EXCLUDE=exclude) == expected


def test_what_a_receiver_without_span_does_hangs_under_its_dispatch(spans: Spans, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_EXCLUDE": ["*.ship"]}
    with spans.tracer.start_as_current_span("request") as request:
        paid.send(sender=User)
        assert trace.get_current_span() is request

    assert spans.parents()["sql"] == "send paid"
    dispatch = dict(spans.finished()["send paid"].attributes or {})
    assert (dispatch["django.signal.receivers.count"], dispatch["django.signal.receivers.aggregated.count"]) == (2, 1)


@pytest.mark.django_db
def test_application_is_that_which_defines_the_receiver(spans: Spans, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_EXCLUDE": ["demo.todos"]}
    todo = todos.Todo.objects.create(title="Buy milk")
    todo_done.connect(notify)
    try:
        with spans.tracer.start_as_current_span("request"):
            todo.mark_done()
    finally:
        todo_done.disconnect(notify)

    received = {name for name in spans.finished() if name.startswith("receive ")}
    assert received == {"receive telemetry.test_selection.notify"}


@pytest.mark.parametrize("exclude", [[], ["*.Nobody"], ["!*.post_save"]])
def test_what_django_sends_all_the_time_has_no_spans(spans: Spans, settings: Settings, exclude: list[str]) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_EXCLUDE": exclude}
    post_init.connect(notify)
    try:
        with spans.tracer.start_as_current_span("request"):
            User()
    finally:
        post_init.disconnect(notify)

    assert set(spans.finished()) == {"request"}


@pytest.mark.parametrize("pattern", ["!django.db.models.signals.post_init", "!*.post_init"])
def test_what_django_sends_all_the_time_has_spans_if_wanted(spans: Spans, settings: Settings, pattern: str) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_EXCLUDE": [pattern]}
    post_init.connect(notify)
    try:
        with spans.tracer.start_as_current_span("request"):
            User()
    finally:
        post_init.disconnect(notify)

    assert "send post_init" in spans.finished()
