"""A sender that never sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from types import MethodType

from django.apps import AppConfig, apps
from django.core.signals import got_request_exception
from django.db import models
from django.dispatch import Signal

from signal_monitor import names
from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import UNKNOWN, LiveConnection, LiveSignal, connections
from signal_monitor.findings.related import (
    CLASS_SIGNALS,
    MIGRATE_SIGNALS,
    MODEL_SIGNALS,
    concrete_children,
    is_model,
    is_one_of,
    meta,
)
from signal_monitor.findings.sources import sender_expression
from signal_monitor.findings.wording import listed, named, plural, short
from signal_monitor.scrubbing import scrub

LOGIN_FAILED = "django.contrib.auth.signals.user_login_failed"
USER_SIGNALS = ("django.contrib.auth.signals.user_logged_in", "django.contrib.auth.signals.user_logged_out")
Reason = tuple[str, str]
"""Why a sender never matches, and what to do."""


class NeverSender(RegistryRule):
    """Senders are compared by identity, and nothing sends with this one."""

    code = "W103"
    name = "sender-never-sends"
    title = "A receiver with a sender that never sends"
    kind = "Never runs"
    level = "error"
    what = "A receiver runs only if the signal is sent with the very object that it is connected with as sender."
    remedy = "Connect it with the class that sends, once for each class; or without a sender, and look at it inside."
    sketch = (
        '-signal.connect({receiver}, sender="shop.Order")',
        "+signal.connect({receiver}, sender=Order)  # the class that sends, not its name, a list or an instance",
    )
    minimum = (
        "An abstract or swapped model, a list, or an instance as the sender of Django's signals; a list as that of any "
        "signal; the label of a model as that of a signal that does not take labels."
    )
    innocent = (
        "An `AppConfig` as the sender of `pre_migrate` and `post_migrate`; any object that a project sends with; an "
        "abstract model beside models that inherit from it, as a field connects its method for each class that has it."
    )

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            if connection.sender is None or (reason := _reason(connection)) is None:
                continue
            if not _is_also_connected(connection, signals):
                yield self._finding(connection, *reason)

    def _finding(self, connection: LiveConnection, reason: str, advice: str) -> Finding:
        message = f"{named(connection.name, connection.path, connection.line)} never runs: it is connected to "
        message += f"`{short(connection.signal_name)}` with {reason}."
        where = {"path": connection.path, "line": connection.line}
        detail = f"{connection.signal_name} {scrub(names.sender_name(connection.sender))}"
        return self.finding("receiver", connection.name, message, detail=detail, advice=advice, **where)


def _reason(connection: LiveConnection) -> Reason | None:
    signal, sender, name = connection.signal, connection.sender, connection.signal_name
    if sender is UNKNOWN:
        return _of_source(connection)
    if is_model(sender) and (is_one_of(signal, MODEL_SIGNALS) or name in USER_SIGNALS):
        return _of_model(sender)
    if is_one_of(signal, MIGRATE_SIGNALS):
        return None if issubclass(type(sender), AppConfig) else _NO_APP_CONFIG
    if signal is got_request_exception:
        return "a sender, and Django sends it without one", "Leave the sender out."
    if name == LOGIN_FAILED:
        return "a sender that is not the name of a module, and Django sends it with `'django.contrib.auth'`", _LEAVE_OUT
    if not issubclass(type(sender), type) and (
        is_one_of(signal, (*MODEL_SIGNALS, *CLASS_SIGNALS)) or name in USER_SIGNALS
    ):
        return _of_instance(sender)
    return None


_LEAVE_OUT = "Leave the sender out."
_NO_APP_CONFIG = (
    "a sender that is no `AppConfig`, and only configurations of apps send it",
    "In `ready()` of the app: `post_migrate.connect(receiver, sender=self)`.",
)


def _is_also_connected(connection: LiveConnection, signals: Sequence[LiveSignal]) -> bool:
    """Whether an abstract model is only one of several classes that code of the model or field connects one by one.

    A field connects its method in ``contribute_to_class()``, which Django calls for the abstract model too.
    """
    sender = connection.sender
    if not is_model(sender) or not meta(sender).abstract:
        return False
    if type(connection.receiver) is MethodType and isinstance(connection.receiver.__self__, models.Field):
        return True
    others = (each for signal in signals if signal.signal is connection.signal for each in connections([signal]))
    return any(
        (each.name, each.path, each.line) == (connection.name, connection.path, connection.line)
        and is_model(each.sender)
        and each.sender is not sender
        and issubclass(each.sender, sender)
        for each in others
    )


def _of_model(sender: type[models.Model]) -> Reason | None:
    name, options = sender.__name__, meta(sender)
    if options.abstract:
        children = [f"`{child}`" for child in concrete_children(sender)]
        told = f": the models that inherit from it send, such as {listed(children)}" if children else ""
        return (
            f"`sender={name}`, which is abstract and never sends{told}",
            f"Connect it for each of its models, or without a sender and with `if issubclass(sender, {name})`.",
        )
    if options.swapped:
        return (
            f"`sender={name}`, which is swapped for `{options.swapped}` and has no rows",
            f"Connect it with `sender={options.swapped!r}`, or with the setting that swaps it.",
        )
    return None


def _of_instance(sender: object) -> Reason:
    kind = type(sender)
    name = kind.__name__
    if hasattr(kind, "through"):
        return "the descriptor of a field, not its through model", "Add `.through`: `sender=Pizza.toppings.through`."
    return (
        f"an instance of `{name}` as sender, and Django sends it with classes",
        f"Connect it with `sender={name}`, and compare the instance inside.",
    )


def _of_source(connection: LiveConnection) -> Reason | None:
    """The reason that the source shows: a list, or the label of a model."""
    given = sender_expression(connection.path, connection.line)
    if isinstance(given, ast.List | ast.Tuple | ast.Set):
        models_named = [f"`{scrub(ast.unparse(each))}`" for each in given.elts]
        return (
            f"a list of {plural(len(models_named), 'sender')} ({listed(models_named)}), which is one object that never "
            "sends",
            "Connect it once for each: `for model in (…): signal.connect(receiver, sender=model)`; or one "
            "`@receiver(…, sender=…)` for each.",
        )
    if isinstance(given, ast.Constant) and type(given.value) is str and connection.signal_name != LOGIN_FAILED:
        return _of_text(connection.signal, given.value)
    return None


def _of_text(signal: Signal, text: str) -> Reason | None:
    if is_one_of(signal, MIGRATE_SIGNALS):
        return _NO_APP_CONFIG
    if is_one_of(signal, CLASS_SIGNALS):
        return f"the text `{scrub(text)!r}` as sender, and Django sends it with classes", _LEAVE_OUT
    return _of_label(signal, text)


def _of_label(signal: Signal, label: str) -> Reason | None:
    if label.count(".") != 1 or is_one_of(signal, MODEL_SIGNALS):
        return None
    app, _, model = label.partition(".")
    known = apps.all_models.get(app, {}).get(model.lower())
    if known is None:
        return None
    return (
        f"the text `{label!r}` as sender, and only signals of models take the label of a model",
        f"Import the model and connect with `sender={known.__name__}`.",
    )
