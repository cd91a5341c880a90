"""What differs between Django versions, and whether this one's dispatcher is known: only then are plans used."""

from __future__ import annotations

import ast
import asyncio
import hashlib
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from django.dispatch import dispatcher

# Django 6.1 runs async receivers in a task group of its own, after the synchronous ones; up to 6.0 both run at once.
ASYNC_AFTER_SYNC = hasattr(dispatcher, "_run_parallel")
run_parallel: Any = getattr(dispatcher, "_run_parallel", asyncio.gather)

# The functions that a plan replaces, or from which it takes the layout of its entries.
REPLACED = (
    "_make_id",
    "__init__",
    "connect",
    "disconnect",
    "send",
    "send_robust",
    "_clear_dead_receivers",
    "_live_receivers",
)
KNOWN = {"9e97a5ea45fbe75f": "Django 5.2", "7469dc6761d5192f": "Django 6.0", "9669fc48470af24f": "Django 6.1"}


@cache
def fingerprint() -> str | None:
    """A hash of the functions that a plan replaces, without comments and documentation; None without their source."""
    try:
        tree = ast.parse(Path(dispatcher.__file__).read_bytes())
    except (OSError, SyntaxError):
        return None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in REPLACED]
    return hashlib.sha256("\n".join(_code(node) for node in found).encode()).hexdigest()[:16]


def _code(function: ast.FunctionDef) -> str:
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    return ast.unparse(function)


def is_djangos(method: object) -> bool:
    """Whether a method is Django's own function, not a wrapper that took over its name, nor one of ours."""
    if type(method) is not FunctionType or "_signal_monitor" in method.__dict__:
        return False
    return method.__code__.co_filename == dispatcher.__file__


def is_djangos_model_signal(cls: type, method: object) -> bool:
    """Whether a method is that of Django's ``ModelSignal``, which takes the names of models as senders."""
    if type(method) is not FunctionType or "_signal_monitor" in method.__dict__:
        return False
    return cls.__module__ == method.__globals__.get("__name__") == "django.db.models.signals"


def knows_django() -> bool:
    """Whether the dispatcher's functions are those of a Django that this was written for."""
    return fingerprint() in KNOWN


_live_receivers = vars(dispatcher.Signal)["_live_receivers"]
DJANGOS_LIVE_RECEIVERS: Any = _live_receivers if is_djangos(_live_receivers) else object()
"""Django's own method; where another tool was first to replace it, nothing is ever equal to this."""
