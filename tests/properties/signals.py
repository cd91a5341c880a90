"""The signals of a world: the same kinds on Django's own ``Signal`` and on the observed one."""

from __future__ import annotations

from typing import Any


def make_signals(signal: Any, model_signal: Any) -> dict[str, Any]:
    """One signal of each kind, made from a ``Signal`` class and its ``ModelSignal``."""

    class OverridingSignal(signal):  # type: ignore[misc]
        """Does something of its own in ``send`` and ``asend``."""

        def send(self, sender: Any, **named: Any) -> Any:
            return super().send(sender, extra="sync", **named)

        async def asend(self, sender: Any, **named: Any) -> Any:
            return await super().asend(sender, extra="async", **named)

    class ReversingSignal(signal):  # type: ignore[misc]
        """Calls its receivers the other way round."""

        def _live_receivers(self, sender: Any) -> Any:
            return tuple(receivers[::-1] for receivers in super()._live_receivers(sender))

    return {
        "plain": signal(),
        "caching": signal(use_caching=True),
        "other": signal(),
        "model": model_signal(use_caching=True),
        "overriding": OverridingSignal(use_caching=True),
        "reversing": ReversingSignal(),
    }
