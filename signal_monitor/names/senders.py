"""Names of senders."""

from __future__ import annotations

import functools
import types
from typing import cast

from signal_monitor.text import MAX_LENGTH

from .classes import FUNCTIONS, class_name, shortened
from .errors import number
from .receivers import receiver_name

_PLAIN = (int, float, bool, bytes)
_NAMED = {*_PLAIN, types.ModuleType, type(None)}
_CALLABLES = (*FUNCTIONS, types.MethodType, functools.partial)


def sender_name(sender: object) -> str:
    """Name of a sender: of a class, function or module its qualified name, a string itself, otherwise its class."""
    kind = type(sender)
    if sender is None:
        return "None"
    if issubclass(kind, type):
        return class_name(cast("type", sender))
    if issubclass(kind, str):
        return shortened(cast("str", sender))
    if issubclass(kind, _CALLABLES):
        return receiver_name(sender)
    if kind is types.ModuleType:
        module = vars(sender).get("__name__")
        return shortened(module) if type(module) is str else "module"
    if kind in _PLAIN:
        return shortened(_plain_name(sender))
    return f"{class_name(kind)} instance"


def _plain_name(sender: object) -> str:
    if type(sender) is bytes:
        return repr(sender[:MAX_LENGTH])
    return number(sender) if type(sender) is int else repr(sender)


def is_named_itself(kind: type) -> bool:
    """Whether senders of a type have a name of their own instead of that of their class."""
    return kind in _NAMED or issubclass(kind, (str, *_CALLABLES))
