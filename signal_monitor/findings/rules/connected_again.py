"""One function that is connected twice, because its file is imported under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor import names
from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.wording import listed, named, plural, short


class ConnectedAgain(RegistryRule):
    """One file and line, the same sender, and two names of the module."""

    code = "W107"
    name = "imported-twice"
    title = "A receiver that is connected twice, because its file is imported under two names"
    kind = "Twice"
    level = "error"
    what = "Each import makes functions of its own, and `connect()` cannot know that they are the same. Both run."
    remedy = (
        "Import the module under one name everywhere, and keep only one of the two directories on `sys.path`. A "
        "`dispatch_uid` keeps the second one out meanwhile."
    )
    sketch = (
        "-from receivers import {receiver}",
        "+from shop.receivers import {receiver}  # the full name everywhere",
    )
    minimum = (
        "Two receivers of one signal and sender whose functions have the same file and line, and were made by modules "
        "of different names."
    )
    innocent = (
        "A factory that connects one closure for each model; a method of several objects, also where their classes "
        "inherit it in different modules."
    )

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        found: dict[tuple[object, ...], list[LiveConnection]] = defaultdict(list)
        for connection in connections(signals):
            if connection.path is not None:
                place = connection.path, connection.line, short(connection.name)
                found[id(connection.signal), id(connection.sender), *place].append(connection)
        for same in found.values():
            modules = list(dict.fromkeys(names.imported_as(connection.receiver) for connection in same))
            if len(modules) > 1:
                yield self._finding(same, modules)

    def _finding(self, same: Sequence[LiveConnection], modules: Sequence[str]) -> Finding:
        first, imported = same[0], listed([f"`{module}`" for module in modules])
        message = f"{named(first.name, first.path, first.line)} is connected {plural(len(same), 'time')} to "
        message += f"`{short(first.signal_name)}`, and runs as often: its file is imported as {imported}."
        where = {"path": first.path, "line": first.line}
        return self.finding("receiver", first.name, message, detail=first.signal_name, **where)
