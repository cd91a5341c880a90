"""Send methods that are not Django's: a subclass's own, or what another tool has put in their place.

Such a method is called with the observation around it. If it ends in a send method of Django's, that one records the
dispatch. If it runs the receivers itself, it is handed stand-ins for them, for as long as it runs, and its answer is
given the receivers back.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import Token
from time import perf_counter_ns
from types import CodeType
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import dispatcher

from signal_monitor.faults import contained
from signal_monitor.records import Method

from . import asends, sends
from .cells import current_cell
from .dispatch import ActiveDispatch
from .guard import is_djangos
from .observation import Observation, OverriddenSend, begin, overridden_send, overriding
from .places import Position
from .probes import probes

if TYPE_CHECKING:
    from django.dispatch import Signal

METHODS = {
    "send": sends.send,
    "asend": asends.asend,
    "send_robust": sends.send_robust,
    "asend_robust": asends.asend_robust,
}
_OWN_CODES = frozenset(method.__code__ for method in METHODS.values())


class ObservedReceiver:
    """Stands in for a receiver while an overriding send method runs: calls it, and looks and compares like it."""

    def __init__(self, receiver: Callable[..., Any], observation: Observation) -> None:
        own = self.__dict__
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(receiver, name):
                own[name] = getattr(receiver, name)
        own["__wrapped__"] = receiver
        own["_observation"] = observation
        own["_is_async"] = is_async = iscoroutinefunction(receiver)
        # Its place is taken now, in the one thread that asks for receivers: they may be called in many at once.
        own["_index"] = observation.dispatch.add(receiver, is_async=is_async)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # noqa: ANN401
        """What ``isinstance`` asks."""
        return type(self.__wrapped__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        observation, index = self._observation, self._index
        dispatch = observation.dispatch
        if dispatch.ended_ns:
            return self.__wrapped__(*args, **kwargs)
        if dispatch.starts[index]:  # called before
            index = dispatch.add(self.__wrapped__, is_async=self._is_async)
        if self._is_async:
            return observation.observed(self.__wrapped__(*args, **kwargs), index)
        return self._run(Position(dispatch, index, observation.outer), args, kwargs)

    def _run(self, call: Position, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        # In whatever thread the send method calls it: the cell is that thread's.
        dispatch, cell = call.dispatch, current_cell()
        before, cell.top = cell.top, call
        span = dispatch.trace.enter(call.index) if dispatch.trace is not None else None
        dispatch.starts[call.index] = perf_counter_ns()
        try:
            response = self.__wrapped__(*args, **kwargs)
        except BaseException as error:
            dispatch.close(call.index, "raised", error)
            raise
        else:
            dispatch.close(call.index)
        finally:
            cell.top = before
            if dispatch.trace is not None:
                dispatch.trace.leave(span)
        return response

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.__wrapped__, name)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        setattr(self.__wrapped__, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.__wrapped__ == (other.__wrapped__ if type(other) is ObservedReceiver else other))

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


def observed_override(original: Any, method: Method) -> Callable[..., Any]:  # noqa: ANN401 - any descriptor
    """The method with the observation around it."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def aoverride(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            running, token = _enter(self, args, kwargs, method)
            try:
                return _given_back(running, await _bound(original, self)(*args, **kwargs))
            except BaseException as error:
                _fail(running, error)
                raise
            finally:
                _leave(running, token)

        return aoverride

    @functools.wraps(original)
    def override(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        running, token = _enter(self, args, kwargs, method)
        answer: Any = None
        try:
            answer = _bound(original, self)(*args, **kwargs)
            return _given_back(running, answer)
        except BaseException as error:
            _fail(running, error)
            raise
        finally:
            _leave(running, token, is_deferred=inspect.iscoroutine(answer) or inspect.isgenerator(answer))

    return override


def _bound(original: Any, signal: Signal) -> Any:  # noqa: ANN401
    """The method as an attribute of the signal; a callable that is no descriptor is called as it is."""
    bind = getattr(type(original), "__get__", None)
    return original if bind is None else bind(original, signal, type(signal))


def observed_live_receivers(cls: type[Signal]) -> Callable[..., Any]:
    """A ``_live_receivers`` that hands stand-ins to an overriding send method, and to nobody else."""
    own = cls.__dict__.get("_live_receivers")

    def _live_receivers(self: Signal, sender: Any) -> Any:  # noqa: ANN401
        found = own(self, sender) if own is not None else super(cls, self)._live_receivers(sender)  # type: ignore[misc]
        running = overridden_send.get()
        if running is None or running.claimed or running.signal_id != id(self):
            return found
        if _caller() in _OWN_CODES:  # these observe by themselves
            return found
        return _stand_ins(found, running)

    return _live_receivers


def _caller() -> CodeType:
    """Who asks for receivers, seen through any number of ``_live_receivers`` that call each other."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a frame
    while frame.f_back is not None and frame.f_code.co_name == "_live_receivers":
        frame = frame.f_back
    return frame.f_code


@contained("stand-ins for receivers", None, in_send=True)
def _stand_ins_of(found: Any, running: OverriddenSend) -> Any:  # noqa: ANN401
    running.asked = True
    groups = [[_stand_in(receiver, running) for receiver in group] for group in found]
    running.handed_out = running.handed_out or any(groups)
    return tuple(type(group)(observed) for group, observed in zip(found, groups, strict=True))


def _stand_in(receiver: Any, running: OverriddenSend) -> Any:  # noqa: ANN401
    # Where overrides stand above each other, the outer one's _live_receivers is given what is a stand-in already.
    return receiver if type(receiver) is ObservedReceiver else ObservedReceiver(receiver, running.observation)


def _stand_ins(found: Any, running: OverriddenSend) -> Any:  # noqa: ANN401
    is_pair = type(found) is tuple and len(found) == 2 and all(type(group) in {list, tuple} for group in found)
    return (_stand_ins_of(found, running) or found) if is_pair else found


def _given_back(running: OverriddenSend | None, answer: Any) -> Any:  # noqa: ANN401
    if running is None or running.claimed or not running.handed_out:
        return answer
    restored = _restored(answer)
    return answer if restored is None else restored


@contained("receivers given back", None, in_send=True)
def _restored(answer: Any) -> Any:  # noqa: ANN401
    """The answer with receivers in place of stand-ins, in itself and in its pairs; responses are left alone."""
    kind = type(answer)
    if kind is list:
        for index, item in enumerate(answer):
            whole = _whole(item)
            if whole is not item:
                answer[index] = whole
    elif kind is dict and any(type(key) is ObservedReceiver for key in answer):
        items = [(_whole(key), value) for key, value in answer.items()]
        answer.clear()
        answer.update(items)
    elif kind in {tuple, set}:
        return kind(_whole(item) for item in answer)
    return answer


def _whole(item: Any) -> Any:  # noqa: ANN401
    if type(item) is ObservedReceiver:
        return item.__wrapped__
    if type(item) is tuple and any(type(part) is ObservedReceiver for part in item):
        return tuple(part.__wrapped__ if type(part) is ObservedReceiver else part for part in item)
    return item


Entered = tuple[OverriddenSend | None, Token[OverriddenSend | None] | None]


@contained("the start of an overriding send", (None, None), in_send=True)
def _enter(signal: Signal, args: tuple[Any, ...], kwargs: dict[str, Any], method: Method) -> Entered:
    if not probes.enabled:
        return None, None
    sender = args[0] if args else kwargs.get("sender")
    observation = begin(signal, sender, method, (), 0)
    if observation is None:
        return None, None
    observation.dispatch.async_calls = set()
    running = OverriddenSend(observation, signal)
    return running, overridden_send.set(running)


def _fail(running: OverriddenSend | None, error: BaseException) -> None:
    if running is not None and not running.claimed:
        running.observation.fail(error)


def _mark_swallowed(dispatch: ActiveDispatch) -> None:
    """What a receiver raised, and the send method has kept to itself, did not reach the caller."""
    if dispatch.failure is None:
        raised = [index for index, outcome in dispatch.outcomes.items() if outcome == "raised"]
        dispatch.outcomes.update(dict.fromkeys(raised, "swallowed"))


@contained("the end of an overriding send", None, in_send=True)
def _leave(
    running: OverriddenSend | None, token: Token[OverriddenSend | None] | None, *, is_deferred: bool = False
) -> None:
    if running is None:
        return
    if token is not None:
        overridden_send.reset(token)
    dispatch = running.observation.dispatch
    if running.claimed or is_deferred:  # what is awaited or iterated later records itself
        return
    _mark_swallowed(dispatch)
    if running.handed_out or dispatch.failure is not None:
        running.observation.finish()
    elif running.asked:  # and nobody was there; a method that has not asked may send later, or not at all
        dispatch.signal.orphans += 1


def overrides_of(cls: type[Signal]) -> dict[str, Any]:
    """The send methods that a class has of its own, or of a mixin, and that are neither Django's nor ours, by name."""
    return {
        name: method
        for name in METHODS
        if (method := _own(cls, name)) is not None and not is_djangos(method) and not hasattr(method, "_signal_monitor")
    }


def _own(cls: type[Signal], name: str) -> Any:  # noqa: ANN401
    """The method that a class would use, if no other kind of signal above it defines it."""
    owner = next((base for base in cls.__mro__ if name in base.__dict__), None)
    if owner is None or (owner is not cls and issubclass(owner, dispatcher.Signal)):
        return None
    return owner.__dict__[name]


def remember_overriding(cls: type[Signal]) -> None:
    """Note that a class, and so its subclasses, has send methods of its own."""
    overriding.add(cls)
    for subclass in cls.__subclasses__():
        remember_overriding(subclass)
