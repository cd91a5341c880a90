"""How a class that sends a signal is related to the one that a receiver is connected for."""

from __future__ import annotations

from signal_monitor.findings.related import class_named, is_model, meta, model_named
from signal_monitor.findings.wording import short

INSTANCE = " instance"


def relation_of(connected: str, sender: str) -> str:
    """How a sender is related to the class that a receiver is connected for, as text; "" if it is not."""
    if sender == f"{connected}{INSTANCE}":
        return f"an instance of `{short(connected)}`"
    one, other = class_named(connected), class_named(sender)
    if one is None or other is None or one is other:
        return ""
    if is_model(one) and is_model(other) and meta(one).concrete_model is meta(other).concrete_model:
        return f"`{short(sender)}`, {'its proxy' if meta(other).proxy else 'which it is a proxy of'}"
    return f"`{short(sender)}`, its subclass" if issubclass(other, one) else ""


def is_proxied(connected: str, sender: str) -> bool:
    """Whether a receiver is connected for a proxy of the model that sends: it may be meant for the proxy alone."""
    one, other = model_named(connected), model_named(sender)
    return one is not None and other is not None and meta(one).proxy and meta(one).concrete_model is other


def reference_of(connected: str, sender: str) -> str:
    """How a model refers to the one that a receiver is connected for, as text; "" if it does not."""
    one, other = model_named(connected), model_named(sender)
    if one is None or other is None:
        return ""
    fields = (each for each in meta(other).get_fields() if each.many_to_one or each.one_to_one)
    field = next((each for each in fields if each.concrete and each.related_model is one), None)
    return f"`{short(sender)}`, whose `{field.name}` is one" if field is not None else ""
