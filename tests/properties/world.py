"""A world: signals of one kind, the objects around them, and all that a random program does with them."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import logging
import sys
import warnings
from collections.abc import Awaitable
from threading import get_ident
from typing import Any

from asgiref.sync import async_to_sync

from signal_monitor.names import sender_name

from . import actions
from .errors import ERRORS
from .hostile import Hostile
from .journal import MAX_DEPTH, Call, Journal, Sent
from .objects import Objects, pick
from .pictures import LogPictures, Picture, error_picture, stack_picture, warning_picture
from .receivers import ARun, Run
from .spots import in_place, run_loop
from .turns import wait_for_idle_threads

MAX_SENDS = 25
PLAIN = {"send", "send_robust"}


class World(Objects):
    """Does one action after the other, and keeps pictures of what comes of them."""

    def __init__(self, signals: dict[str, Any]) -> None:
        super().__init__(signals)
        self.journal = Journal()
        self.variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
        self.hostile = Hostile()
        self.home = get_ident()

    def step(self, action: actions.Action) -> Picture:
        """Do an action of the program's own; answers all that can be seen of it but what is left."""
        self.journal.turn_page()
        logger, logs = logging.getLogger("django.dispatch"), LogPictures()
        logger.addHandler(logs)
        logger.propagate = False
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self._contained(action)
                wait_for_idle_threads()
        finally:
            logger.removeHandler(logs)
            logger.propagate = True
        warned = [warning_picture(warning) for warning in caught if not self.has_failed or not _is_of_the_end(warning)]
        return (self.journal.pictures, logs.pictures, warned)

    @property
    def has_failed(self) -> bool:
        """Whether a dispatch of this step has raised. It may then hang in a circle with its traceback."""
        return any(sent.answered is None for sent in self.journal.sends.values())

    def _contained(self, action: actions.Action) -> None:
        try:
            self.perform(action, None)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not error.args:
                raise  # not one of the program's
            self.journal.note("escaped", error_picture(error))

    def state(self) -> Picture:
        """What is left between two steps."""
        signals = {name: self.signal_picture(signal) for name, signal in self.signals.items()}
        return (signals, self.variable.get(), self.alive())

    # What receivers and the program itself do.

    def perform(self, action: actions.Action, inside: Call | None) -> None:
        """Do an action, in a receiver call or outside of all."""
        match action:
            case actions.Send():
                self.send(action, inside)
            case actions.Loop(sends, together):
                run_loop(self.loop(sends, together=together))
            case actions.Raise(kind):
                assert inside is not None
                raise ERRORS[kind](inside.sent.number)
            case actions.SetVariable(value):
                self.variable.set(value)
            case actions.Collect():
                gc.collect()
            case actions.Pause():
                pass
            case _:
                self._change(action)

    def _change(self, action: Any) -> None:
        match action:
            case actions.MakeReceiver(kind):
                self.make_receiver(kind, lambda tag: self.runner(tag, action), lambda tag: self.arunner(tag, action))
            case actions.MakeSender(kind):
                self.make_sender(kind)
            case actions.ForgetReceiver(number):
                self._forget(self.receivers, number)
            case actions.ForgetSender(number):
                self._forget(self.senders, number)
            case _:
                self.handle(action)

    def _forget(self, things: dict[int, Any], number: int) -> None:
        if things:
            del things[list(things)[number % len(things)]]

    def handle(self, action: Any) -> None:
        """Do something to a signal."""
        name = list(self.signals)[action.signal % len(self.signals)]
        signal = self.signals[name]
        match action:
            case actions.Connect() | actions.Disconnect():
                self._connect(signal, action)
            case actions.HasListeners(_, sender):
                self.journal.note("has listeners", signal.has_listeners(self.sender(sender)))
            case actions.Mute():
                self.muted.setdefault(name, signal.receivers)
                signal.receivers = []
            case actions.Unmute(_, clears):
                signal.receivers = self.muted.pop(name, []) + signal.receivers
                if clears:
                    signal.sender_receivers_cache.clear()
            case actions.Reverse(_, in_place):
                signal.receivers[:] = signal.receivers[::-1]
                signal.receivers = signal.receivers if in_place else list(signal.receivers)

    def _connect(self, signal: Any, action: actions.Connect | actions.Disconnect) -> None:
        holder = pick(self.receivers, action.receiver)
        if holder is None:
            return
        options: dict[str, Any] = {"sender": self.sender(action.sender), "dispatch_uid": action.uid}
        try:
            if isinstance(action, actions.Connect):
                signal.connect(holder.receiver(), weak=action.weak, **options)
            else:
                self.journal.note("disconnected", signal.disconnect(holder.receiver(), **options))
        except (TypeError, ValueError, AssertionError) as error:  # no weak reference; not a model's name; hostile
            self.journal.note("refused", error_picture(error))

    # Receivers.

    def runner(self, tag: int, made: actions.MakeReceiver) -> Run:
        """What a synchronous receiver does."""

        def run(named: dict[str, Any]) -> Any:
            call = self._enter(tag, named, is_async=made.kind == "refusing")
            try:
                for action in made.script:
                    self.perform(action, call)
            except BaseException as error:
                self.journal.leave(call, error)
                raise
            self.journal.leave(call)
            return self.values[made.response % len(self.values)]

        return run

    def arunner(self, tag: int, made: actions.MakeReceiver) -> ARun:
        """What an async receiver does."""

        async def arun(named: dict[str, Any]) -> Any:
            call = self._enter(tag, named, is_async=True)
            try:
                for action in made.script:
                    await self.aperform(action, call)
            except BaseException as error:
                self.journal.leave(call, error)
                raise
            self.journal.leave(call)
            return self.values[made.response % len(self.values)]

        return arun

    async def aperform(self, action: actions.Action, inside: Call) -> None:
        """Do an action in an async receiver."""
        match action:
            case actions.Send(place="here"):
                await self.asend(action, inside)
            case actions.Pause():
                await asyncio.sleep(0)
            case _:
                self.perform(action, inside)

    def _enter(self, tag: int, named: dict[str, Any], *, is_async: bool) -> Call:
        call = self.journal.enter(tag, self.journal.sends[named["dispatch"]], is_async=is_async)
        seen = {name: self.hostile is value or self.label(value) for name, value in named.items()}
        thread = (get_ident() == self.home, get_ident() == call.sent.thread, asyncio._get_running_loop() is not None)
        stack = stack_picture(sys._getframe(2), World._called.__code__)
        self.journal.note("called", tag, seen, self.variable.get(), thread, stack)
        return call

    # Sends.

    def send(self, action: actions.Send, inside: Call | None) -> None:
        """Dispatch where nobody awaits."""
        sent = self._begin(action, inside)
        if sent is None:
            return
        call = functools.partial(self._called, action, sent, inside)
        try:
            answer = in_place(action.place, call)
        except BaseException as error:
            self._failed(sent, error)
            if inside is not None and not action.guarded:
                raise
        else:
            self._answered(sent, answer)

    async def asend(self, action: actions.Send, inside: Call | None) -> None:
        """Dispatch on the event loop."""
        sent = self._begin(action, inside)
        if sent is None:
            return
        try:
            answer = self._invoked(action, sent)
            if action.method not in PLAIN:
                answer = await self._timed(sent, answer)
        except BaseException as error:
            self._failed(sent, error)
            if inside is not None and not action.guarded:
                raise
        else:
            self._answered(sent, answer)

    async def loop(self, sends: tuple[actions.Send, ...], *, together: bool) -> None:
        """Several dispatches on one event loop."""
        if together:
            await asyncio.gather(*(self.asend(action, None) for action in sends))
        else:
            for action in sends:
                await self.asend(action, None)

    def _begin(self, action: actions.Send, inside: Call | None) -> Sent | None:
        depth = inside.sent.depth if inside is not None else -1
        if depth + 1 >= MAX_DEPTH or len(self.journal.sends) >= MAX_SENDS:
            return None
        signal = list(self.signals)[action.signal % len(self.signals)]
        sent = self.journal.begin(signal, sender_name(self.sender(action.sender)), action, inside)
        self.journal.note("sends", sent.number)
        return sent

    def _called(self, action: actions.Send, sent: Sent, inside: Call | None) -> Any:
        sent.thread = get_ident()
        if action.method in PLAIN:
            return self._invoked(action, sent)
        if inside is None and action.place != "in a context":
            return run_loop(self._timed(sent, self._invoked(action, sent)))
        return async_to_sync(self._ainvoked)(action, sent)

    async def _ainvoked(self, action: actions.Send, sent: Sent) -> Any:
        return await self._timed(sent, self._invoked(action, sent))

    def _invoked(self, action: actions.Send, sent: Sent) -> Any:
        method = getattr(self.signals[sent.signal], action.method)
        named: dict[str, Any] = dict.fromkeys(action.named, self.hostile)
        return method(self.sender(action.sender), dispatch=sent.number, **named)

    async def _timed(self, sent: Sent, awaitable: Awaitable[Any]) -> Any:
        try:
            return await awaitable
        finally:
            self.journal.end(sent)

    def _failed(self, sent: Sent, error: BaseException) -> None:
        self.journal.end(sent)
        self.journal.note("failed", sent.number, error_picture(error))

    def _answered(self, sent: Sent, answer: Any) -> None:
        self.journal.end(sent)
        sent.answered = len(answer)
        self.journal.note("answered", sent.number, self.answer_picture(answer))


def _is_of_the_end(warning: warnings.WarningMessage) -> bool:
    """Whether a warning is given when an object dies."""
    return "was never awaited" in str(warning.message)
