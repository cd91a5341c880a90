"""A method that is connected as a function of its class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import FunctionType

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.wording import named, short

OWNERS = frozenset({"self", "cls"})


class MethodAsFunction(RegistryRule):
    """@receiver in the body of a class connects the function, before there is a class or an object."""

    code = "W113"
    name = "method-as-function"
    title = "A method that is connected without its object"
    level = "error"
    what = (
        "`@receiver` in the body of a class connects a function: there is no object yet whose method it could be. "
        "Every call fails, as nobody passes `self`."
    )
    remedy = (
        "Move it out of the class, or write `@staticmethod` above `@receiver` and leave out `self`; or connect the "
        "method of an object that is kept: `signal.connect(handlers.on_saved)`."
    )
    sketch = (
        " class Handlers:",
        "-    @receiver(signal)",
        "-    def {receiver}(self, sender, **kwargs): ...",
        "+    def {receiver}(self, sender, **kwargs): ...",
        "+",
        "+handlers = Handlers()  # of the module, so that it is kept",
        "+signal.connect(handlers.{receiver})",
    )
    minimum = "A function of a class in the project's own code whose first argument is `self` or `cls`."
    innocent = "Methods of objects and of classes; static methods."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            argument = _owner_argument(connection.receiver)
            if argument and is_own(connection.path):
                message = f"{named(connection.name, connection.path, connection.line)} fails whenever "
                message += f"`{short(connection.signal_name)}` calls it: it is connected as a function of its class, "
                message += f"and nobody passes `{argument}`."
                where = {"path": connection.path, "line": connection.line}
                yield self.finding("receiver", connection.name, message, detail=connection.signal_name, **where)


def _owner_argument(receiver: object) -> str:
    """The argument for an object or a class that a plain function of a class takes first; "" if there is none."""
    if type(receiver) is not FunctionType or receiver.__defaults__:
        return ""
    owner = receiver.__qualname__.rpartition(".")[0]
    code = receiver.__code__
    first = code.co_varnames[0] if code.co_argcount and owner and not owner.endswith("<locals>") else ""
    return first if first in OWNERS else ""
