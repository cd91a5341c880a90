"""A module with receivers that nobody imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.call_sites import parse
from signal_monitor.findings.connected import LiveSignal
from signal_monitor.findings.files import LimitReachedError, Reader
from signal_monitor.findings.modules import (
    Unconnected,
    connected_in,
    files_of,
    imported_files,
    mentioned,
    module_name,
    own_apps,
)
from signal_monitor.findings.unrun import CONFIG, Method, unused_methods
from signal_monitor.findings.wording import listed, named, plural

Receivers = list[Unconnected]


class NeverImported(RegistryRule):
    """Its receivers are not connected in this process, and no code of the project can connect them."""

    code = "W111"
    name = "never-imported"
    title = "A module with receivers that nobody imports"
    kind = "Never runs"
    level = "error"
    what = "`@receiver` connects a function when its module is imported, and nobody imports this one."
    remedy = "Import the module in `ready()` of the app's `AppConfig`."
    sketch = (
        " class ShopConfig(AppConfig):",
        '     name = "shop"',
        "+",
        "+    def ready(self):",
        "+        from shop import receivers",
    )
    minimum = (
        "A file of one of the project's apps that would connect receivers, is not imported once the URLs are, and that "
        "no other file of the project names in code that runs: not under `TYPE_CHECKING`, nor in an `AppConfig` that "
        "is not in use or a method that Django does not call. Projects with more than 2,000 files or 20 MB of them are "
        "not searched."
    )
    innocent = "Tests, commands, `celery.py`, and modules that are imported only if another app is installed."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        urls = getattr(settings, "ROOT_URLCONF", None)
        if urls is not None and urls not in sys.modules:
            return  # what the views import is not imported yet
        if _Large.known:
            return
        try:
            found = _unmentioned(Reader())
        except LimitReachedError:
            _Large.known = True
            return
        for config, path, receivers in found:
            yield self._finding(config, path, receivers, _unused_import(config, path))

    def _finding(self, config: AppConfig, path: Path, receivers: Receivers, unused: Method | None) -> Finding:
        (name, line, _signals), module = receivers[0], module_name(config, path)
        names = listed([f"`{each}`" for each, *_more in receivers])
        message = f"{named(name, str(path), line)} is never connected: nobody imports `{module}`, which has "
        message += f"{plural(len(receivers), 'receiver')}: {names}."
        advice = f"In `ready()` of `{type(config).__name__}`: `import {module}`."
        if type(config) is AppConfig:
            advice = (
                f"Write an `AppConfig` whose `ready()` has `import {module}`, the only one in `{config.name}.apps`, or "
            )
            advice += "name it in `INSTALLED_APPS`."
        if unused is not None:
            message += f" `{unused.name}()` would, and Django does not call it: "
            message += f"it uses `{type(config).__name__}` for `{config.name}`, and calls `ready()`."
        signals = tuple(dict.fromkeys(signal for row in receivers for signal in row.signals))
        where = {"path": str(path), "line": line, "signals": signals}
        return self.finding("receiver", f"{module}.{name}", message, detail=module, advice=advice, **where)


def _unused_import(config: AppConfig, path: Path) -> Method | None:
    """A method of an AppConfig beside a file that imports it, and that Django does not call."""
    for file in sorted(Path(config.path).glob("*.py")):
        text = file.read_bytes()
        tree = parse(text) if CONFIG.encode() in text and path.stem.encode() in text else None
        for unused in unused_methods(tree, file) if tree is not None else ():
            if re.search(rf"import .*\b{re.escape(path.stem)}\b", ast.unparse(unused.method)):
                return unused
    return None


class _Large:
    """Whether the project is known to be too large to be read: it is not read again."""

    known = False


def _unmentioned(reader: Reader) -> list[tuple[AppConfig, Path, Receivers]]:
    """The files with receivers that are not imported, and that no other file of the project names."""
    imported = imported_files()
    found = [
        (config, path, receivers)
        for config in own_apps()
        for path in files_of(config, reader)
        if str(path) not in imported and (receivers := connected_in(reader.read(path)))
    ]
    named_elsewhere = mentioned({path: module_name(config, path) for config, path, _receivers in found}, reader)
    return [row for row in found if row[1] not in named_elsewhere]
