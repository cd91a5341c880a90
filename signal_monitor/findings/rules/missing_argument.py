"""A receiver that requires an argument which Django's signal is sent without."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any

from django.db.models.signals import pre_save

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule, sketched
from signal_monitor.findings.connected import LiveConnection, LiveSignal, by_function
from signal_monitor.findings.related import MODEL_SIGNALS, is_one_of
from signal_monitor.findings.sent_arguments import ALWAYS, arguments_sent
from signal_monitor.findings.sources import Function, function_at, is_name, own_nodes
from signal_monitor.findings.wording import listed, named, short

from .wrong_arguments import OWNERS


class MissingArgument(RegistryRule):
    """Each dispatch ends in a TypeError or KeyError."""

    code = "W118"
    name = "missing-argument"
    title = "A receiver that requires an argument which the signal does not have"
    kind = "Raised"
    level = "error"
    what = "Django decides with which arguments it sends its signals. A receiver that requires another always fails."
    remedy = "Leave the argument out."
    of_created = "Ask for `instance._state.adding`; or use `post_save`, which is sent with `created`."
    of_request = "No signal of a model has the request: do the work in the view, or pass what it needs to a function."
    sketch = (
        "-def {receiver}(sender, instance, created, **kwargs): ...",
        "+def {receiver}(sender, instance, **kwargs): ...",
    )
    minimum = (
        "One of the project's receivers of a signal of Django's with an argument that has no default, or with "
        '`kwargs["created"]` in its source, where no signal that it is connected to is sent with it.'
    )
    innocent = 'An argument with a default; `kwargs.get("request")`; a receiver of `pre_save` and `post_save`.'

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for same in by_function(signals):
            sent = [arguments_sent(each.signal, each.signal_name) for each in same]
            known = frozenset(ALWAYS).union(*(names for names in sent if names is not None))
            for connection, names in zip(same, sent, strict=True):
                if names is None:
                    continue
                missing = [each for each in _required(connection.receiver) if each not in names | ALWAYS]
                if missing:
                    yield self._finding(connection, missing, names, "TypeError")
                elif None not in sent and (looked_up := _looked_up(connection) - known):
                    yield self._finding(connection, sorted(looked_up), names, "KeyError")

    def _finding(self, connection: LiveConnection, missing: Sequence[str], sent: frozenset[str], error: str) -> Finding:
        signal = short(connection.signal_name)
        wanted = listed([f"`{each}`" if error == "TypeError" else f'`kwargs["{each}"]`' for each in missing])
        known = listed([f"`{each}`" for each in sorted(sent)], most=len(sent)) or "nothing but the sender"
        message = f"{named(connection.name, connection.path, connection.line)} raises `{error}` whenever `{signal}` is "
        message += f"sent: it requires {wanted}, and Django sends {known}."
        return self.finding(
            "receiver",
            connection.name,
            message,
            detail=connection.signal_name,
            advice=self._advice(connection, missing),
            sketch=_sketch(connection, missing[0], error),
            path=connection.path,
            line=connection.line,
        )

    def _advice(self, connection: LiveConnection, missing: Sequence[str]) -> str:
        if "created" in missing and connection.signal is pre_save:
            return self.of_created
        return self.of_request if "request" in missing and is_one_of(connection.signal, MODEL_SIGNALS) else self.remedy


def _sketch(connection: LiveConnection, missing: str, error: str) -> str:
    if error == "KeyError":
        return sketched((f'-    kwargs["{missing}"]', f'+    kwargs.get("{missing}")'))
    lines = f"-def {{receiver}}(sender, {missing}, **kwargs): ...", "+def {receiver}(sender, **kwargs): ..."
    return sketched(lines, connection.name)


def _required(receiver: object) -> list[str]:
    """The arguments without a default that can be passed by name, of a plain function or method."""
    is_method = type(receiver) is MethodType
    function: Any = receiver.__func__ if isinstance(receiver, MethodType) else receiver
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return []
    code = function.__code__
    positional = list(code.co_varnames[: code.co_argcount])[int(is_method) :]
    if not is_method and positional[:1] and positional[0] in OWNERS:
        return []  # W113
    by_name = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    required = positional[: max(0, len(positional) - len(function.__defaults__ or ()))]
    return [*required, *(each for each in by_name if each not in (function.__kwdefaults__ or {}))]


def _looked_up(connection: LiveConnection) -> set[str]:
    """The keys that a receiver takes out of its ``**kwargs`` without looking whether they are there."""
    function = function_at(connection.path, connection.line)
    if function is None or function.args.kwarg is None or _may_be_guarded(function, function.args.kwarg.arg):
        return set()
    kwargs, given = function.args.kwarg.arg, [*function.args.args, *function.args.kwonlyargs]
    nodes = [node for node in own_nodes(function) if isinstance(node, ast.Subscript) and is_name(node.value, kwargs)]
    keys = {
        node.slice.value for node in nodes if isinstance(node.slice, ast.Constant) and isinstance(node.ctx, ast.Load)
    }
    return {key for key in keys if type(key) is str} - {each.arg for each in given}


def _may_be_guarded(function: Function, kwargs: str) -> bool:
    """Whether it sets keys, looks whether they are there, or catches exceptions."""
    for node in ast.walk(function):
        if isinstance(node, ast.Try):
            return True
        if isinstance(node, ast.Compare) and any(is_name(each, kwargs) for each in node.comparators):
            return True
        if isinstance(node, ast.Subscript) and is_name(node.value, kwargs) and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.Attribute) and is_name(node.value, kwargs) and node.attr in {"setdefault", "update"}:
            return True
    return False
