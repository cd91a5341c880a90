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
from types import FunctionType
from typing import TYPE_CHECKING, Any

from django.dispatch import dispatcher

from signal_monitor.faults import contained
from signal_monitor.records import Method

from . import sends
from .catalogue import catalogue
from .dispatch import Position
from .observation import Observation, OverriddenSend, begin, overridden_send, overriding
from .probes import probes
from .stepping import SteppedCoroutine

if TYPE_CHECKING:
    from django.dispatch import Signal

_OWN_CODES = frozenset(method.__code__ for method in sends.METHODS.values())


class ObservedReceiver:
    """Stands in for a receiver while an overriding send method runs: calls it, and looks and compares like it."""

    def __init__(self, receiver: Callable[..., Any], observation: Observation) -> None:
        self.__wrapped__ = receiver
        self._observation = observation

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        observation = self._observation
        dispatch = observation.dispatch
        if dispatch.ended_ns:
            return self.__wrapped__(*args, **kwargs)
        index = len(dispatch.receivers)
        dispatch.receivers += (catalogue.receiver(self.__wrapped__),)
        dispatch.starts.append(0)
        dispatch.ends.append(0)
        if inspect.iscoroutinefunction(self.__wrapped__):
            if dispatch.async_calls is not None:
                dispatch.async_calls.add(index)
            call = Position(dispatch, index, observation.position.outer)
            return SteppedCoroutine(self.__wrapped__(*args, **kwargs), call)
        observation.position.index = index - 1
        observation.begin_next()
        try:
            return self.__wrapped__(*args, **kwargs)
        except Exception as error:
            robust = dispatch.method in {"send_robust", "asend_robust"}
            observation.close_current("swallowed" if robust else "raised", error)
            raise
        finally:
            observation.returned()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.__wrapped__, name)

    def __eq__(self, other: object) -> bool:
        return self.__wrapped__ == (other.__wrapped__ if isinstance(other, ObservedReceiver) else other)

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


def observed_override(original: Any, method: Method) -> Callable[..., Any]:  # noqa: ANN401 - any descriptor
    """The method with the observation around it."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def aoverride(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            running, token = _enter(self, args, kwargs, method)
            try:
                return _receivers_given_back(await original.__get__(self)(*args, **kwargs))
            except BaseException as error:
                _fail(running, error)
                raise
            finally:
                _leave(running, token)

        return aoverride

    @functools.wraps(original)
    def override(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        running, token = _enter(self, args, kwargs, method)
        try:
            return _receivers_given_back(original.__get__(self)(*args, **kwargs))
        except BaseException as error:
            _fail(running, error)
            raise
        finally:
            _leave(running, token)

    return override


def observed_live_receivers(cls: type[Signal]) -> Callable[..., Any]:
    """A ``_live_receivers`` that hands stand-ins to an overriding send method, and to nobody else."""
    own = cls.__dict__.get("_live_receivers")

    def _live_receivers(self: Signal, sender: Any) -> Any:  # noqa: ANN401
        found = own(self, sender) if own is not None else super(cls, self)._live_receivers(sender)  # type: ignore[misc]
        running = overridden_send.get()
        if running is None or running.claimed or running.signal_id != id(self):
            return found
        if sys._getframe(1).f_code in _OWN_CODES:  # noqa: SLF001 - Django's own send methods observe by themselves
            return found
        return _stand_ins(found, running.observation)

    return _live_receivers


@contained("stand-ins for receivers", None)
def _stand_ins_of(found: Any, observation: Observation) -> Any:  # noqa: ANN401
    return tuple([ObservedReceiver(receiver, observation) for receiver in group] for group in found)


def _stand_ins(found: Any, observation: Observation) -> Any:  # noqa: ANN401
    is_pair = type(found) is tuple and len(found) == 2 and all(type(group) is list for group in found)
    return (_stand_ins_of(found, observation) or found) if is_pair else found


def _receivers_given_back(answer: Any) -> Any:  # noqa: ANN401
    """The answer of a send method with the receivers themselves in place of their stand-ins."""
    if type(answer) is list:
        for index, item in enumerate(answer):
            if type(item) is tuple and len(item) == 2 and type(item[0]) is ObservedReceiver:
                answer[index] = (item[0].__wrapped__, item[1])
    return answer


Entered = tuple[OverriddenSend | None, Token[OverriddenSend | None] | None]


@contained("the start of an overriding send", (None, None))
def _enter(signal: Signal, args: tuple[Any, ...], kwargs: dict[str, Any], method: Method) -> Entered:
    if not probes.enabled:
        return None, None
    sender = args[0] if args else kwargs.get("sender")
    outer = overridden_send.get()
    observation = begin(signal, sender, method, (), 0)
    if observation is None:
        return None, None
    observation.dispatch.async_calls = set()
    running = OverriddenSend(observation, signal)
    if outer is not None and outer.signal_id == running.signal_id and not outer.observation.dispatch.receivers:
        outer.claimed = True
    return running, overridden_send.set(running)


def _fail(running: OverriddenSend | None, error: BaseException) -> None:
    if running is not None and not running.claimed:
        running.observation.fail(error)


@contained("the end of an overriding send", None)
def _leave(running: OverriddenSend | None, token: Token[OverriddenSend | None] | None) -> None:
    if running is None:
        return
    if token is not None:
        overridden_send.reset(token)
    dispatch = running.observation.dispatch
    if running.claimed:
        return
    if dispatch.receivers or dispatch.failure is not None:
        running.observation.finish()
    else:
        dispatch.signal.count_orphan()


def overrides_of(cls: type[Signal]) -> dict[str, Any]:
    """The send methods that a class has of its own and that are neither Django's nor ours, by name."""
    return {
        name: method
        for name in sends.METHODS
        if (method := cls.__dict__.get(name)) is not None
        and not is_djangos(method)
        and not hasattr(method, "_signal_monitor")
    }


def is_djangos(method: object) -> bool:
    """Whether a method is Django's own function, not a wrapper that took over its name."""
    return type(method) is FunctionType and method.__code__.co_filename == dispatcher.__file__


def remember_overriding(cls: type[Signal]) -> None:
    """Note that a class, and so its subclasses, has send methods of its own."""
    overriding.add(cls)
    for subclass in cls.__subclasses__():
        remember_overriding(subclass)
