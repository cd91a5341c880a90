"""An event loop that takes turns with the threads it hands work to, so that every run has the same order."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import Context
from typing import Any


class TurnLoop(asyncio.SelectorEventLoop):
    """Stands still while a thread works for it, and runs while that thread waits for one of its tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.set_debug(False)  # asyncio's debug mode adds to the tracebacks that are compared
        self._jobs: list[tuple[Executor, Future[Any]]] = []
        self._awaited_by_jobs: dict[object, asyncio.Task[Any] | None] = {}
        self._moved = threading.Event()

    def run_in_executor(  # type: ignore[override] # asyncio's own answers a future too, and is not typed as async
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if executor is None:  # asyncio's own threads, for its own purposes
            return super().run_in_executor(executor, func, *args)
        job = executor.submit(func, *args)
        self._jobs.append((executor, job))
        job.add_done_callback(lambda _: self._moved.set())
        self._stand_still()
        return asyncio.wrap_future(job, loop=self)

    def call_soon_threadsafe(  # type: ignore[override] # its callbacks are typed by their arguments, here of any kind
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if callback == self.create_task:  # async_to_sync in a thread: it waits until the task is done
            self._awaited_by_jobs[args[0]] = None
            callback = self._create_awaited_task
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._moved.set()
        return handle

    def _create_awaited_task(self, coroutine: Any) -> None:
        self._awaited_by_jobs[coroutine] = self.create_task(coroutine)

    def _run_once(self) -> None:
        """One callback at a time: any may be what a thread has waited for."""
        self._stand_still()
        ready = self._ready  # type: ignore[attr-defined] # asyncio's own, not public
        others = [ready.pop() for _ in range(len(ready) - 1)]
        try:
            super()._run_once()  # type: ignore[misc] # the same
        finally:  # an interrupt or an exit leaves the loop, which then has its tasks cancelled
            ready.extendleft(others)

    def _stand_still(self) -> None:
        while True:
            self._moved.clear()
            self._jobs = [(executor, job) for executor, job in self._jobs if not job.done()]
            working = {id(executor) for executor, _ in self._jobs}  # each does one job after the other
            awaited = [task for task in list(self._awaited_by_jobs.values()) if task is None or not task.done()]
            if len(working) <= len(awaited):
                return
            self._moved.wait()


def wait_for_idle_threads() -> None:
    """Let threads drop what they hold of a job whose answer is known already, as an executor's do a moment later."""
    while any(_is_busy(thread) for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name):
        time.sleep(0.0002)


def _is_busy(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return thread.is_alive()
    return frame.f_code.co_name != "_worker" or not {"work_item", "executor"}.isdisjoint(frame.f_locals)
