"""The backends of mail whose ``send_messages`` is observed."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend

from signal_monitor.database import database_work


@pytest.fixture
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def make_backend() -> type[BaseEmailBackend]:
    class Backend(BaseEmailBackend):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

        def send_messages(self, email_messages: Any) -> int:
            return len(__class__.__mro__)  # type: ignore[name-defined]

    return Backend


def test_classes_are_not_kept_alive() -> None:
    found = []
    for _ in range(50):
        backend = make_backend()
        backend().send_messages([])
        found.append(weakref.ref(backend))
        del backend
    gc.collect()

    assert sum(one() is not None for one in found) == 0
    assert len(database_work._outside._replaced) < 50


@pytest.mark.usefixtures("_short_turns")
def test_threads_replace_a_method_once() -> None:
    left = 0
    for _ in range(100):
        backend = make_backend()
        original = vars(backend)["send_messages"]
        barrier = threading.Barrier(6)

        def make(cls: type[BaseEmailBackend] = backend, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            cls()

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert vars(backend)["send_messages"] is not original
        database_work.stop()
        left += vars(backend)["send_messages"] is not original
        database_work.start()

    assert left == 0
