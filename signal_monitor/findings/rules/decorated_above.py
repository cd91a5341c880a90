"""A receiver that runs without a decorator that stands above @receiver."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import listed, named

RECEIVER = "receiver"


class DecoratedAbove(RegistryRule):
    """@receiver connects the function as it is below it."""

    code = "W114"
    name = "decorated-above"
    title = "A receiver without the decorator above @receiver"
    what = (
        "Decorators are applied from the lowest to the highest. `@receiver` connects what is below it, so that what "
        "stands above it is not part of what runs."
    )
    remedy = "Put `@receiver` on top, above all other decorators."
    sketch = (
        "-@only_once",
        " @receiver(signal)",
        "+@only_once",
        " def {receiver}(sender, **kwargs): ...",
    )
    minimum = (
        "A function of the project's own that is connected, while its name in the module is another object, and a "
        "decorator stands above `@receiver`."
    )
    innocent = "A decorator that returns the function itself, such as one that registers it."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        seen = set()
        for connection in connections(signals):
            if connection.name in seen or not is_own(connection.path) or not _is_replaced(connection):
                continue
            seen.add(connection.name)
            above = _above_receiver(connection)
            if above:
                names = listed([f"`@{each}`" for each in above])
                message = f"{named(connection.name, connection.path, connection.line)} runs without {names}, which "
                message += f"{'stands' if len(above) == 1 else 'stand'} above `@receiver`."
                where = {"path": connection.path, "line": connection.line}
                yield self.finding("receiver", connection.name, message, **where)


def _is_replaced(connection: LiveConnection) -> bool:
    """Whether the module has something else under the function's name."""
    module, _, name = connection.name.rpartition(".")
    values = vars(sys.modules[module]) if type(sys.modules.get(module)) is type(sys) else {}
    return name in values and values[name] is not connection.receiver


def _above_receiver(connection: LiveConnection) -> list[str]:
    """The names of the decorators above the lowest ``@receiver(…)``."""
    function = function_at(connection.path, connection.line)
    decorators = function.decorator_list if function is not None else []
    lowest = max((place for place, each in enumerate(decorators) if _name(each) == RECEIVER), default=0)
    return [_name(each) for each in decorators[:lowest] if _name(each) != RECEIVER]


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2]
