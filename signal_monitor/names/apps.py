"""The application that a module belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MAX_MODULES = 5_000


class Apps:
    """The names of the installed applications, which ``find`` returns; None as long as they are not known."""

    def __init__(self, find: Callable[[], Sequence[str] | None] = tuple) -> None:
        self._find = find
        self._names: list[str] | None = None
        self._by_module: dict[str, str | None] = {}

    def of(self, module: str) -> str | None:
        """The application that a module belongs to; of several, the one with the longest name."""
        if self._names is None:
            if (found := self._find()) is None:
                return None
            self._names = sorted(found, key=len, reverse=True)
        if module not in self._by_module:
            if len(self._by_module) >= MAX_MODULES:
                self._by_module.clear()
            self._by_module[module] = next(
                (app for app in self._names if module == app or module.startswith(f"{app}.")), None
            )
        return self._by_module[module]
