"""A module with receivers that nobody imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from django.conf import settings

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal
from signal_monitor.findings.modules import (
    connected_in,
    files_of,
    imported_files,
    mentions,
    module_name,
    own_apps,
    project_files,
)
from signal_monitor.findings.wording import listed, named, plural


class NeverImported(RegistryRule):
    """Its receivers are not connected in this process, and no code of the project can connect them."""

    code = "W111"
    name = "never-imported"
    title = "A module with receivers that nobody imports"
    level = "error"
    what = "`@receiver` connects a function when its module is imported, and nobody imports this one."
    remedy = "Import the module in `ready()` of the app's `AppConfig`."
    minimum = (
        "A file of one of the project's apps that would connect receivers, is not imported once the URLs are, and that "
        "no other file of the project names."
    )
    innocent = "Tests, commands, `celery.py`, and modules that are imported only if another app is installed."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        urls = getattr(settings, "ROOT_URLCONF", None)
        if urls is not None and urls not in sys.modules:
            return  # what the views import is not imported yet
        imported, project = imported_files(), project_files()
        for config in own_apps():
            for path in files_of(config):
                if str(path) in imported or not (receivers := connected_in(path)):
                    continue
                module = module_name(config, path)
                if mentions(project, module, path):
                    continue
                name, line = receivers[0]
                names = listed([f"`{each}`" for each, _line in receivers])
                message = f"{named(name, str(path), line)} is never connected: nobody imports `{module}`, which has "
                message += f"{plural(len(receivers), 'receiver')}: {names}."
                advice = f"In `ready()` of `{type(config).__name__}`: `import {module}`."
                yield self.finding(
                    "receiver", f"{module}.{name}", message, detail=module, advice=advice, path=str(path), line=line
                )
