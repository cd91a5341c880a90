"""Whose child a dispatch is that a receiver makes: itself, or in a thread, timer, pool, task or generator.

What runs inside the receiver call hangs under it, as a record and as a span. What outlives it hangs under nothing that
has ended: it is the outermost dispatch of its own tree, and its span is linked.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from signal_monitor import pipeline
from signal_monitor.records import Dispatch
from signal_monitor.testing import Capture, capture_dispatches

METHODS = ("send", "send_robust", "asend", "asend_robust")
LATER = 0.05

inner = Signal()


def on_inner(**_kwargs: Any) -> None: ...


inner.connect(on_inner)


class Subclass(Signal):
    """With a send method of Django's that asks a method of its own for receivers."""

    def _live_receivers(self, sender: Any) -> Any:
        return super()._live_receivers(sender)


class Own(Signal):
    """With a send method of its own."""

    def send(self, sender: Any, **named: Any) -> list[Any]:
        return [(receiver, receiver(signal=self, **named)) for receiver in self._live_receivers(sender)[0]]

    async def asend(self, sender: Any, **named: Any) -> list[Any]:
        sync_receivers, async_receivers = self._live_receivers(sender)
        answers = [(receiver, await sync_to_async(receiver)(signal=self, **named)) for receiver in sync_receivers]
        return answers + [(receiver, await receiver(signal=self, **named)) for receiver in async_receivers]


class Calling(Signal):
    """With send methods that call Django's."""

    def send(self, sender: Any, **named: Any) -> list[Any]:
        return super().send(sender, **named)

    async def asend(self, sender: Any, **named: Any) -> list[Any]:
        return await super().asend(sender, **named)


class Work:
    """What receivers have started, to wait for once the dispatch has ended."""

    def __init__(self) -> None:
        self.waits: list[Callable[[], object]] = []
        self.tasks: list[asyncio.Future[Any]] = []
        self.pool = concurrent.futures.ThreadPoolExecutor(1)

    def wait(self) -> None:
        """Wait for threads."""
        for wait in self.waits:
            wait()
        self.pool.shutdown()

    async def await_all(self) -> None:
        """Wait for tasks and threads."""
        await asyncio.gather(*self.tasks)
        await asyncio.to_thread(self.wait)


def send_later() -> None:
    time.sleep(LATER)
    inner.send("late")


async def asend_later() -> None:
    await asyncio.sleep(LATER)
    await inner.asend("late")


def started(work: Work, thread: threading.Thread) -> None:
    thread.start()
    work.waits.append(thread.join)


def late_thread(work: Work) -> None:
    started(work, threading.Thread(target=contextvars.copy_context().run, args=(send_later,)))


def late_timer(work: Work) -> None:
    started(work, threading.Timer(LATER, contextvars.copy_context().run, args=(inner.send, "late")))


def late_in_pool(work: Work) -> None:
    work.waits.append(work.pool.submit(contextvars.copy_context().run, send_later).result)


def late_thread_of_a_thread(work: Work) -> None:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(late_thread, work))
    thread.start()
    thread.join()


def directly(_work: Work) -> None:
    inner.send("now")


def robustly(_work: Work) -> None:
    inner.send_robust("now")


def in_copied_context(_work: Work) -> None:
    contextvars.copy_context().run(inner.send, "now")


def in_thread(_work: Work) -> None:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(inner.send, "now"))
    thread.start()
    thread.join()


def in_pool(work: Work) -> None:
    work.pool.submit(contextvars.copy_context().run, inner.send, "now").result()


def in_loop_of_its_own(_work: Work) -> None:
    async_to_sync(inner.asend)("now")


def in_generator(_work: Work) -> None:
    def generator() -> Iterator[None]:
        inner.send("now")
        yield

    list(generator())


def after_failure(_work: Work) -> None:
    failing = Signal()
    failing.connect(_raise)
    failing.send_robust("before")
    inner.send("now")


def _raise(**_kwargs: Any) -> None:
    raise ValueError("no")


SYNC = (
    late_thread, late_timer, late_in_pool, late_thread_of_a_thread, directly, robustly, in_copied_context, in_thread,
    in_pool, in_loop_of_its_own, in_generator, after_failure,
)  # fmt: skip


async def late_task(work: Work) -> None:
    work.tasks.append(asyncio.create_task(asend_later()))


async def late_task_of_a_task(work: Work) -> None:
    await asyncio.create_task(late_task(work))


async def late_callback(work: Work) -> None:
    asyncio.get_running_loop().call_later(LATER, inner.send, "late")
    work.tasks.append(asyncio.create_task(asyncio.sleep(2 * LATER)))


async def late_in_to_thread(work: Work) -> None:
    work.tasks.append(asyncio.ensure_future(asyncio.to_thread(send_later)))


async def adirectly(_work: Work) -> None:
    await inner.asend("now")


async def arobustly(_work: Work) -> None:
    await inner.asend_robust("now")


async def synchronously(_work: Work) -> None:
    inner.send("now")


async def in_task(_work: Work) -> None:
    await asyncio.create_task(inner.asend("now"))


async def in_task_group(_work: Work) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(inner.asend("now"))


async def in_sync_to_async(_work: Work) -> None:
    await sync_to_async(inner.send)("now")


async def in_to_thread(_work: Work) -> None:
    await asyncio.to_thread(inner.send, "now")


async def in_async_generator(_work: Work) -> None:
    async def generator() -> AsyncIterator[None]:
        await inner.asend("now")
        yield

    async for _ in generator():
        pass


async def with_timeout(_work: Work) -> None:
    await asyncio.wait_for(inner.asend("now"), 5)


ASYNC = (
    late_task, late_task_of_a_task, late_callback, late_in_to_thread, adirectly, arobustly, synchronously, in_task,
    in_task_group, in_sync_to_async, in_to_thread, in_async_generator, with_timeout,
)  # fmt: skip


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_dispatches() as capture:
        yield capture


def send(signal: Signal, method: str, work: Work) -> None:
    """Send in a request's span, which has ended when the rest of the work goes on."""
    if method.startswith("a"):
        asyncio.run(asend(signal, method, work))
        return
    with trace.get_tracer("site").start_as_current_span("request"):
        getattr(signal, method)("outer")
    work.wait()


async def asend(signal: Signal, method: str, work: Work) -> None:
    with trace.get_tracer("site").start_as_current_span("request"):
        await getattr(signal, method)("outer")
    await work.await_all()


def check(captured: Capture, spans: InMemorySpanExporter, *, is_late: bool) -> None:
    pipeline.flush()
    (made,) = [dispatch for dispatch in captured.dispatches if dispatch.sender in {"now", "late"}]
    (outer,) = [dispatch for dispatch in captured.dispatches if dispatch.sender == "outer"]
    assert outer.outcome == "ok"
    check_record(made, outer, is_late=is_late)
    check_span(made, {span.context.span_id: span for span in spans.get_finished_spans() if span.context}, is_late)


def check_record(made: Dispatch, outer: Dispatch, *, is_late: bool) -> None:
    if is_late:
        assert (made.parent_id, made.parent_index, made.depth, made.root_id) == (None, None, 0, made.id)
    else:
        assert (made.parent_id, made.parent_index, made.depth, made.root_id) == (outer.id, 0, 1, outer.id)


def check_span(made: Dispatch, spans: dict[int, ReadableSpan], is_late: bool) -> None:  # noqa: FBT001
    assert made.span_id is not None
    span = spans[int(made.span_id, 16)]
    if is_late:
        assert span.parent is None
        assert span.links
    else:
        assert span.parent is not None
        assert spans[span.parent.span_id].name.startswith("receive ")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Signal, Subclass, Own, Calling])
@pytest.mark.parametrize("making", SYNC)
def test_what_a_receiver_makes(
    making: Callable[[Work], None], kind: type[Signal], method: str, captured: Capture, spans: InMemorySpanExporter
) -> None:
    signal, work = kind(), Work()

    def receiver(**_kwargs: Any) -> None:
        making(work)

    signal.connect(receiver)
    send(signal, method, work)
    check(captured, spans, is_late=making.__name__.startswith("late"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Signal, Subclass, Own, Calling])
@pytest.mark.parametrize("making", ASYNC)
def test_what_an_async_receiver_makes(
    making: Callable[[Work], Any], kind: type[Signal], method: str, captured: Capture, spans: InMemorySpanExporter
) -> None:
    if not method.startswith("a") and (kind is Own or "late" in making.__name__):
        pytest.skip("Own.send() calls no async receiver; the loop of a plain send ends with it")
    signal, work = kind(), Work()

    async def receiver(**_kwargs: Any) -> None:
        await making(work)

    signal.connect(receiver)
    send(signal, method, work)
    check(captured, spans, is_late=making.__name__.startswith("late"))
