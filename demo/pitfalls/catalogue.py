"""The pitfalls: what goes wrong, what the visitor sees of it, and where the dashboard shows it."""

from __future__ import annotations

from demo.pitfalls.mistakes import failing, repeating, too_early, unheard, waiting
from demo.pitfalls.pitfall import Family

FAMILIES = (
    Family("waiting", "Everybody waits", "Receivers run before send() returns.", waiting.PITFALLS),
    Family("failing", "Something fails", "One exception, and who hears of it.", failing.PITFALLS),
    Family("unheard", "Nobody hears it", "The signal is sent, and no receiver runs.", unheard.PITFALLS),
    Family("repeating", "Too much happens", "Again, twice, or once for every row.", repeating.PITFALLS),
    Family("too-early", "It happens too early", "Before the row is there, or certain to stay.", too_early.PITFALLS),
)
PITFALLS = tuple(pitfall for family in FAMILIES for pitfall in family.pitfalls)
