"""Names of signals, receivers, senders and exceptions, for objects of every kind, without running their code.

Names are read from types and function objects, never with ``str()`` or from attributes that a class could compute: a
broken ``__repr__`` does no harm, and lazy objects are not evaluated.
"""

from __future__ import annotations

from .apps import Apps
from .classes import class_name, function_name, shortened
from .creation import Creation, creation_in
from .errors import error_message
from .numbers import Numbers, numbered
from .receivers import (
    Source,
    describe,
    imported_as,
    receiver_module,
    receiver_name,
    receiver_source,
    told_apart_by,
    unwrapped,
)
from .senders import is_named_itself, sender_name
from .signals import SignalNames

__all__ = [
    "Apps",
    "Creation",
    "Numbers",
    "SignalNames",
    "Source",
    "class_name",
    "creation_in",
    "describe",
    "error_message",
    "function_name",
    "imported_as",
    "is_named_itself",
    "numbered",
    "receiver_module",
    "receiver_name",
    "receiver_source",
    "sender_name",
    "shortened",
    "told_apart_by",
    "unwrapped",
]
