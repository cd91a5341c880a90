"""A function that is made in a loop and reads the loop's variable when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.loops import LateName, connected_in_loops, on_commit_in_loops
from signal_monitor.findings.own import is_own
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import named, place, plural


class LoopVariable(RegistryRule):
    """All of them see the last value."""

    code = "W115"
    name = "loop-variable"
    title = "A function that reads the variable of a loop when the loop is over"
    what = (
        "A function reads a variable of the code around it when it runs, not when it is made. Once the loop is over, "
        "all functions that it has made see its last value."
    )
    remedy = (
        "Give it the value when it is made: as a default (`def receiver(sender, model=model, **kwargs)`), by a "
        "function around it, or with `functools.partial(notify, line.pk)` for `on_commit()`."
    )
    sketch = (
        " for model in (Order, Invoice):",
        "-    def {receiver}(sender, **kwargs):",
        "+    def {receiver}(sender, model=model, **kwargs):",
        "         note(model)",
    )
    minimum = (
        "A loop in the project's own code that connects a function or lambda two times or more, or in a receiver one "
        "that gives a lambda to `on_commit()`, which reads the loop's variable and does not take it as an argument."
    )
    innocent = "A default argument, a partial, a factory; a loop that ends with `break` or `return`."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        own = [each for each in connections(signals) if is_own(each.path)]
        yield from self._connected(own)
        for connection in {each.name: each for each in own}.values():
            function = function_at(connection.path, connection.line)
            for late in on_commit_in_loops(function) if function is not None else ():
                yield self._deferred(connection, late)

    def _connected(self, own: Sequence[LiveConnection]) -> Iterator[Finding]:
        late = {path: list(connected_in_loops(path)) for path in sorted({str(each.path) for each in own})}
        for path, names in late.items():
            for each in names:
                same = [one for one in own if one.path == path and one.line in each.lines]
                if len(same) > 1:
                    message = f"{named(same[0].name, path, same[0].line)} reads `{each.name}` when it runs: the loop "
                    message += f"at {place(path, each.loop)} has connected it {plural(len(same), 'time')}, and all of "
                    message += f"them see the last `{each.name}`."
                    where = {"path": path, "line": same[0].line}
                    yield self.finding("receiver", same[0].name, message, detail=each.name, **where)

    def _deferred(self, connection: LiveConnection, late: LateName) -> Finding:
        message = (
            f"{named(connection.name, connection.path, connection.line)} gives `on_commit()` a function that reads "
        )
        message += f"`{late.name}`, the variable of the loop at {place(connection.path, late.loop)}: after the commit, "
        message += f"all of them see the last `{late.name}`."
        where = {"path": connection.path, "line": min(late.lines)}
        return self.finding("receiver", connection.name, message, detail=f"on_commit {late.name}", **where)
