"""Send methods that are not Django's: a subclass's own, or those of another tool that has replaced Django's.

The methods of a subclass whose names begin with ``send`` or ``asend`` are observed, and other public ones that reach
``_live_receivers`` or a send method (``method_search``). A method that calls a send method of Django's is recorded
there, and the worker adds its own time to that dispatch. Any other is recorded as a whole. Where it takes its receivers
from ``_live_receivers``, it is handed stand-ins for as long as it runs, so that each call is timed, and the receivers
come back in what it returns.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import Token
from types import CodeType, FunctionType
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from signal_monitor import names
from signal_monitor.errors import guarded
from signal_monitor.records import METHODS, Method

from .async_calls import as_steps, observe, run_with
from .capture import our_codes
from .current import (
    Call,
    ExecutionState,
    Place,
    Record,
    Root,
    enter_state,
    execution_state,
    get_state,
    leave_state,
    running_states,
)
from .frames_as_django import hidden_from_stacklevel
from .hooks import hooks
from .info import DispatchInfo, SignalInfo, attached_info
from .method_search import is_named_send
from .orphans import note_orphan
from .record import (
    add_concurrent_call,
    begin_call,
    details_of,
    end_dispatch,
    ended_sequential_calls,
    has_any_call,
    has_begun,
    has_ended,
    info_of,
    origin_of,
    outer_of,
    spans_of,
)
from .recorder import begin, end, end_call_failed, end_call_ok, fail
from .thread_state import current_state

custom_classes: set[type] = set()
"""The classes with send methods of their own."""


class CustomInfo(DispatchInfo):
    """The DispatchInfo of one call of a custom send method; ``asked`` once it has asked for receivers.

    A method that is not named as a send method (``named_send``) is recorded only if it calls a receiver or fails.
    """

    __slots__ = ("asked", "named_send", "orphans_before")

    def __init__(self, signal: SignalInfo, sender: str, method: Method, *, named_send: bool = True) -> None:
        super().__init__(signal, sender, method, (), 0, custom=True)
        self.asked = False
        self.named_send = named_send
        self.orphans_before = signal.orphan_count()
        self.limit_rate(captures_all=hooks.captures_all)


class ReceiverProxy:
    """Stands in for a receiver while a custom send method runs: it calls it, and looks and compares like it."""

    def __init__(self, receiver: Callable[..., Any], record: Record) -> None:
        own = self.__dict__
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(receiver, name):
                own[name] = getattr(receiver, name)
        own["__wrapped__"] = receiver
        own["_record"] = record
        own["_is_async"] = is_async = iscoroutinefunction(receiver)
        # The one thread that asks for receivers gives them their places: they may be called in many threads at once.
        own["_index"] = _add_receiver(record, receiver, is_async=is_async)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # noqa: ANN401
        """What ``isinstance`` asks for."""
        return type(self.__wrapped__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        record, index = self._record, self._index
        if has_ended(record):
            return self.__wrapped__(*args, **kwargs)
        if has_begun(record, index):  # called before
            index = _add_receiver(record, self.__wrapped__, is_async=self._is_async)
        call = Call(record, index, outer_of(record))
        if self._is_async:
            return observe(self.__wrapped__(*args, **kwargs), call, origin_of(record), for_task=True)
        spans, state = spans_of(record), current_state()  # that of the thread in which the send method calls it
        before, state.top = state.top, call
        entered = spans.enter_call(index) if spans is not None else None
        begin_call(record, index)
        try:
            response = self.__wrapped__(*args, **kwargs)
        except BaseException as error:
            end_call_failed(call, error)
            raise
        finally:
            state.top = before
            if spans is not None:
                spans.leave_call(entered)
        end_call_ok(call)
        return response

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.__wrapped__, name)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        setattr(self.__wrapped__, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.__wrapped__ == (other.__wrapped__ if type(other) is ReceiverProxy else other))

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


hidden_from_stacklevel(ReceiverProxy.__call__)


def _add_receiver(record: Record, receiver: object, *, is_async: bool) -> int:
    info = info_of(record)
    index = info.add_receiver(receiver)
    if is_async:
        info.async_indices.add(index)
    add_concurrent_call(record)
    return index


def observed_method(original: FunctionType, name: str) -> Callable[..., Any]:
    """The send method of a class, with the observation around it."""
    method = next((method for method in reversed(METHODS) if name.startswith(method)), METHODS[0])
    named_send = is_named_send(name)
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def aobserved(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            record, state = _begin(self, args, kwargs, method, named_send=named_send)
            try:
                awaitable = original(self, *args, **kwargs)
                if state is not None:
                    awaitable = run_with(execution_state, state, as_steps(awaitable))
                answer = _with_receivers(record, await awaitable)
            except BaseException as error:
                _end(record, error)
                del record, state  # as in send()
                raise
            _end(record, None)
            return answer

        return hidden_from_stacklevel(aobserved)  # type: ignore[no-any-return]

    @functools.wraps(original)
    def observed(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        record, state = _begin(self, args, kwargs, method, named_send=named_send)
        token = None
        try:
            if state is not None:
                token = enter_state(state)
            answer = _with_receivers(record, original(self, *args, **kwargs))
        except BaseException as error:
            _leave(token)
            _end(record, error)
            del record, state, token  # as in send()
            raise
        _leave(token)
        _end(record, None, is_deferred=inspect.iscoroutine(answer) or inspect.isgenerator(answer))
        return answer

    return hidden_from_stacklevel(observed)  # type: ignore[no-any-return]


@guarded("the start of a custom send", (None, None), in_send=True)
def _begin(
    signal: Signal, args: tuple[Any, ...], kwargs: dict[str, Any], method: Method, *, named_send: bool
) -> tuple[Record | None, ExecutionState | None]:
    """The record of a custom send that begins, and the state in which its method runs."""
    state = current_state()
    if not hooks.enabled or state.suppressed:
        return None, None
    known = attached_info(signal)
    if known.before is not None:
        known.before()
        state = current_state()
    sender = args[0] if args else kwargs.get("sender")
    record = begin(CustomInfo(known, names.sender_name(sender), method, named_send=named_send), state, 0)
    inner = running_states[id(record)] = ExecutionState.at(record, state.origin)
    return record, inner


def _leave(token: Token[ExecutionState] | None) -> None:
    if token is not None:
        leave_state(token)


@guarded("the end of a custom send", None, in_send=True)
def _end(record: Record | None, error: BaseException | None, *, is_deferred: bool = False) -> None:
    if record is None:
        return
    running_states.pop(id(record), None)
    info = info_of(record)
    if error is not None:
        fail(record, error, ended_sequential_calls(record))
    else:
        _mark_swallowed(record)
    if not isinstance(info, CustomInfo):
        return
    if is_deferred or not _is_dispatch(record, info, error):
        end_dispatch(record)  # what it has sent waits for that
    else:
        end(record, current_state())


def _is_dispatch(record: Record, info: CustomInfo, error: BaseException | None) -> bool:
    """Whether a custom send is recorded; a deferred one is not: what is awaited or iterated later records itself."""
    if not info.named_send and not has_any_call(record) and (error is None or not info.asked):
        return False  # it only looks at the receivers
    if info.receivers or error is not None:
        return True
    if info.asked:
        info.signal.orphans += 1
        note_orphan(info.signal, info.sender, is_name=True)
        return False
    return info.signal.orphan_count() == info.orphans_before  # otherwise Django's own method has found no receiver


def _mark_swallowed(record: Record) -> None:
    """What a receiver has raised, and the send method has kept to itself, did not reach the caller."""
    details = details_of(record)
    if details is not None:
        raised = [index for index, outcome in details.outcomes.items() if outcome == "raised"]
        details.outcomes.update(dict.fromkeys(raised, "swallowed"))


def observed_live_receivers(cls: type[Signal]) -> Callable[..., Any]:
    """A ``_live_receivers`` that hands stand-ins to a custom send method, and to nobody else."""
    own = cls.__dict__.get("_live_receivers")

    def _live_receivers(self: Signal, sender: Any) -> Any:  # noqa: ANN401
        found = own(self, sender) if own is not None else super(cls, self)._live_receivers(sender)  # type: ignore[misc]
        record = _custom_record(self)
        if record is None or id(_caller()) in our_codes:  # these observe by themselves
            return found
        return _stand_ins(found, record)

    return hidden_from_stacklevel(_live_receivers)  # type: ignore[no-any-return]


def _custom_record(signal: Signal) -> Record | None:
    """The record of the custom send method that this thread or task is in, if it is one of this signal's."""
    place: Place | None = get_state().top
    while isinstance(place, Root):  # a thread that the method has started
        place = place.outer
    if not isinstance(place, list):
        return None
    info = info_of(place)
    return place if isinstance(info, CustomInfo) and info.signal.ref() is signal and not has_ended(place) else None


def _caller() -> CodeType:
    """Who asks for receivers, seen through any number of ``_live_receivers`` that call each other."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a frame
    while frame.f_back is not None and frame.f_code.co_name == "_live_receivers":
        frame = frame.f_back
    return frame.f_code


def _stand_ins(found: Any, record: Record) -> Any:  # noqa: ANN401
    is_pair = type(found) is tuple and len(found) == 2 and set(map(type, found)) <= {list, tuple}
    return (_stand_ins_of(found, record) or found) if is_pair else found


@guarded("stand-ins for receivers", None, in_send=True)
def _stand_ins_of(found: Any, record: Record) -> Any:  # noqa: ANN401
    info = info_of(record)
    if isinstance(info, CustomInfo):
        info.asked = True
    return tuple(type(group)(_stand_in(receiver, record) for receiver in group) for group in found)


def _stand_in(receiver: Any, record: Record) -> Any:  # noqa: ANN401
    # Where classes with methods of their own are above each other, the outer one gets what is a stand-in already.
    return receiver if type(receiver) is ReceiverProxy else ReceiverProxy(receiver, record)


def _with_receivers(record: Record | None, answer: Any) -> Any:  # noqa: ANN401
    if record is None or not info_of(record).receivers:
        return answer
    restored = _restored(answer)
    return answer if restored is None else restored


@guarded("receivers given back", None, in_send=True)
def _restored(answer: Any) -> Any:  # noqa: ANN401
    """The answer with receivers in place of stand-ins, in itself and in its pairs; responses are left alone."""
    kind = type(answer)
    if kind is list:
        for index, item in enumerate(answer):
            whole = _whole(item)
            if whole is not item:
                answer[index] = whole
    elif kind is dict and ReceiverProxy in map(type, answer):
        items = [(_whole(key), value) for key, value in answer.items()]
        answer.clear()
        answer.update(items)
    elif kind in {tuple, set}:
        return kind(_whole(item) for item in answer)
    return answer


def _whole(item: Any) -> Any:  # noqa: ANN401
    if type(item) is ReceiverProxy:
        return item.__wrapped__
    if type(item) is tuple and ReceiverProxy in map(type, item):
        return tuple(part.__wrapped__ if type(part) is ReceiverProxy else part for part in item)
    return item


def remember_custom(cls: type[Signal]) -> None:
    """Note that a class, and so its subclasses, has send methods of its own."""
    custom_classes.add(cls)
    for subclass in cls.__subclasses__():
        remember_custom(subclass)
