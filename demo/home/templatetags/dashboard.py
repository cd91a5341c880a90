"""Links from the demo's pages to the dashboard."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from django import template

register = template.Library()


@dataclass(frozen=True, slots=True)
class DocumentedReceiver:
    """A receiver, its dotted name, and the first line of its docstring."""

    name: str
    summary: str

    @property
    def short_name(self) -> str:
        """The name of the function."""
        return self.name.rpartition(".")[2]


def documented_receivers(module: ModuleType) -> list[DocumentedReceiver]:
    """The public functions that a ``receivers`` module defines, in the order of the source."""
    functions = inspect.getmembers_static(module, inspect.isfunction)
    own = [item for name, item in functions if item.__module__ == module.__name__ and not name.startswith("_")]
    own.sort(key=lambda item: item.__code__.co_firstlineno)
    return [
        DocumentedReceiver(f"{item.__module__}.{item.__qualname__}", (inspect.getdoc(item) or "").partition("\n")[0])
        for item in own
    ]


@register.inclusion_tag("home/_receivers.html")
def receivers_of(module_name: str) -> dict[str, list[DocumentedReceiver]]:
    """List a module's receivers, each with a link to its page on the dashboard."""
    return {"receivers": documented_receivers(import_module(module_name))}
