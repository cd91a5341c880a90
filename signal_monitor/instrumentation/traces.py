"""What the hot path asks of the spans of a dispatch; whoever writes spans answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .dispatch import ActiveDispatch
    from .plans import Record


class DispatchTrace(Protocol):
    """The spans of one dispatch, as the hot path needs them.

    ``untouched`` ones are not made yet, and nobody has asked for any.
    """

    @property
    def untouched(self) -> bool: ...

    def enter(self, index: int) -> object:
        """Make the span of a synchronous receiver's call the current one; answers what ``leave`` wants."""

    def leave(self, entered: object) -> None:
        """Make the span current again that was before ``enter``; what else the receiver has set stays."""

    def resume(self, index: int, left: object) -> object:
        """Make current what an async receiver had when it paused, or its span; answers what ``pause`` wants."""

    def pause(self, outer: object) -> object:
        """Make current what was before ``resume``; answers what the receiver leaves."""

    def step(self, record: Record) -> None:
        """Make current the span of the receiver call that a planned dispatch is about to make."""

    def rest(self) -> None:
        """Make the span current again that was before the first ``step``."""

    def end(self, dispatch: ActiveDispatch) -> None:
        """The dispatch has ended."""

    def settle(self, dispatch: ActiveDispatch) -> None:
        """The worker is about to make a record of the dispatch: decide which spans it has."""

    def withhold(self) -> bool:
        """Give out nothing from now on; False where something was given out."""
