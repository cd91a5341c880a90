"""Counts what leaves the process while a transaction may be open: mails, and tasks that are queued.

Mails are counted where Django's backends get them, tasks where Celery publishes them and where ``django.tasks`` sends
``task_enqueued``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType, FunctionType
from typing import Any
from weakref import ref

from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections

from signal_monitor.errors import guarded
from signal_monitor.instrumentation.frames_as_django import hidden_from_stacklevel
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import hook_signal

from .notes import EffectKind
from .wrappers import note_effect, open_transactions

UID = "signal_monitor.database"
MAX_FRAMES = 20
WITHIN_TRANSACTION = {"ImmediateBackend", "DatabaseBackend"}
"""Backends of ``django.tasks`` whose tasks see what the transaction has written, or are rolled back with it."""
_inside: ContextVar[bool] = ContextVar("signal_monitor_sends_mail", default=False)
Method = Callable[..., Any]


class OutsideEffects:
    """Observes backends of mail and queues of tasks."""

    def __init__(self) -> None:
        # By the id of the class; the class, its own method and ours are held weakly.
        self._replaced: dict[int, tuple[ref[type], ref[Any], ref[Any]]] = {}
        self._init: tuple[Any, Any] | None = None
        self._seen: set[str] = set()

    def start(self) -> None:
        """Observe from now on; calling it again changes nothing."""
        if self._init is None:
            original = vars(BaseEmailBackend)["__init__"]
            ours = self._noting_class(original)
            self._init = (original, ours)
            BaseEmailBackend.__init__ = ours  # type: ignore[method-assign]
        self.look()

    def look(self) -> None:
        """Observe what was imported meanwhile; the monitor itself imports neither Celery nor ``django.tasks``."""
        celery, tasks = sys.modules.get("celery.signals"), sys.modules.get("django.tasks.signals")
        if celery is not None and "celery" not in self._seen:
            celery.before_task_publish.connect(_note_published, weak=False, dispatch_uid=UID)
            self._seen.add("celery")
        if tasks is not None and "tasks" not in self._seen and hasattr(tasks, "task_enqueued"):
            hook_signal(tasks.task_enqueued, before=_note_enqueued)
            self._seen.add("tasks")

    def stop(self) -> None:
        """Observe no longer; a method that another tool has wrapped since stays, and counts nothing."""
        if self._init is not None and vars(BaseEmailBackend)["__init__"] is self._init[1]:
            BaseEmailBackend.__init__ = self._init[0]  # type: ignore[method-assign]
            self._init = None
        for key, (cls_ref, original, ours) in list(self._replaced.items()):
            cls = cls_ref()
            if cls is not None and vars(cls).get("send_messages") is ours():
                cls.send_messages = original()  # type: ignore[attr-defined]
                self._replaced.pop(key, None)
        if "celery" in self._seen:
            sys.modules["celery.signals"].before_task_publish.disconnect(dispatch_uid=UID)
            self._seen.discard("celery")

    def _noting_class(self, original: Method) -> Any:  # noqa: ANN401
        observe = self._observe

        def __init__(self: BaseEmailBackend, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807
            if hooks.counts_queries:
                observe(type(self))
            original(self, *args, **kwargs)

        return _in_place_of(original, __init__)

    @guarded("a backend of mail", None, in_send=True)
    def _observe(self, cls: type) -> None:
        """Observe ``send_messages`` of a backend, where its class, or one that this is derived from, defines it."""
        owner = next((one for one in cls.__mro__ if "send_messages" in vars(one)), None)
        if owner is None or owner is BaseEmailBackend or id(owner) in self._replaced:
            return
        original = vars(owner)["send_messages"]
        if type(original) is not FunctionType:
            return
        ours, key, replaced = _counting(original), id(owner), self._replaced
        entry = (ref(owner, lambda _: replaced.pop(key, None)), ref(original), ref(ours))
        if replaced.setdefault(key, entry) is entry:  # of several threads, one replaces the method
            owner.send_messages = ours  # type: ignore[attr-defined]


def _counting(original: Method) -> Any:  # noqa: ANN401
    def send_messages(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Django's signature
        if _inside.get():  # a backend that hands its messages to another one
            return original(self, *args, **kwargs)
        token = _inside.set(True)
        try:
            sent = original(self, *args, **kwargs)
        finally:
            _inside.reset(token)
        messages = args[0] if args else kwargs.get("email_messages")
        _note_mails(sent, messages)
        return sent

    return _named_as(original, send_messages)


def _in_place_of(original: Any, ours: Any) -> Any:  # noqa: ANN401
    """Ours, with a frame of Django's file, module and name: Django looks at these to find the code that uses a backend.

    It counts this frame, and so ``stacklevel`` has to count it.
    """
    module, qualname, theirs = original.__module__, original.__qualname__, getattr(original, "__code__", ours.__code__)
    code = ours.__code__.replace(co_filename=theirs.co_filename, co_qualname=qualname)
    made = FunctionType(code, {**ours.__globals__, "__name__": module}, ours.__name__, None, ours.__closure__)
    made.__module__, made.__qualname__, made.__doc__ = module, qualname, original.__doc__
    return made


def _named_as(original: Any, ours: Any) -> Any:  # noqa: ANN401
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, attribute, getattr(original, attribute))
    return hidden_from_stacklevel(ours)


@guarded("mails", None, in_send=True)
def _note_mails(sent: object, messages: object) -> None:
    """Count the mails that were sent: what the backend says or, if it says nothing, those that it was given."""
    number = sent if type(sent) is int else len(messages) if isinstance(messages, list | tuple) else 0
    if number > 0:
        _note("mail", number)


@guarded("a task", None, in_send=True)
def _note_published(**_kwargs: object) -> None:
    _note("task", 1)


@guarded("a task", None, in_send=True)
def _note_enqueued() -> None:
    if not hooks.counts_queries:
        return
    if _takes_part_in_transaction(sys._getframe(1)):  # noqa: SLF001 - the only way to the backend that sends
        note_effect("task", 1, ())
    else:
        _note("task", 1)


def _takes_part_in_transaction(frame: FrameType | None) -> bool:
    """Whether the backend of ``django.tasks`` that sends runs its tasks at once, or stores them with other rows."""
    for _ in range(MAX_FRAMES):
        if frame is None:
            return False
        owner = frame.f_code.co_qualname.split(".")[0]
        if owner.endswith("Backend"):
            return owner in WITHIN_TRANSACTION
        frame = frame.f_back
    return False


def _note(kind: EffectKind, number: int) -> None:
    if hooks.counts_queries:
        found = open_transactions(connections)
        note_effect(kind, number, tuple(one for one in found if one is not None))
