"""What is noted of database work while it happens: tuples of times, numbers and the texts of statements.

A dispatch has such notes from its first statement on, in its record; a request has them too. The worker reads them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from signal_monitor.instrumentation.current import Origin, Record, get_state
from signal_monitor.instrumentation.record import call_at, database_notes_of, set_database_notes

from .statements import is_control
from .transactions import Suspect, Transaction

MAX_STATEMENTS = 1_000
"""Statements that are noted for a dispatch, or for a request; further ones are counted."""
MAX_EFFECTS = 200
MAX_KEPT = 400_000
"""How many characters of different statements are kept for a dispatch, or for a request."""
MAX_SHORT = 1_000
"""How many characters of each further statement are kept."""

EffectKind = Literal["on_commit", "mail", "task"]


class Statement(NamedTuple):
    """One statement, in the receiver call at ``position``; -1 in none.

    ``rows`` is what the driver says of it; ``row`` is a hash of the last parameter, for an UPDATE that ends with a
    comparison. ``sql`` has no parameters.
    """

    position: int
    began: float
    ended: float
    alias: str
    vendor: str
    sql: str
    rows: int
    failed: bool
    transaction: Transaction | None
    row: int | None
    receiver: tuple[Record, int] | None


class Effect(NamedTuple):
    """Something else that was done: a function registered, a mail sent or a task queued.

    ``transactions`` were open at that moment.
    """

    position: int
    at: float
    kind: EffectKind
    number: int
    transactions: tuple[Transaction, ...]


class DatabaseNotes:
    """The notes of one dispatch, or of one request.

    ``left_out`` has the number and the seconds of statements beyond MAX_STATEMENTS, by position and alias. ``broken``
    are the positions and transactions that a receiver call has left with ``needs_rollback``.
    """

    __slots__ = ("broken", "effects", "kept", "left_out", "seen", "statements", "suspects", "texts")

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.left_out: dict[tuple[int, str], tuple[int, float]] = {}
        self.effects: list[Effect] = []
        self.broken: set[tuple[int, int]] = set()
        self.seen: dict[int, Transaction] = {}
        self.texts: dict[str, str] = {}
        self.kept = 0
        self.suspects: list[Suspect] = []

    def add(self, statement: Statement) -> None:
        """Note a statement."""
        if len(self.statements) < MAX_STATEMENTS:
            self.statements.append(statement._replace(sql=self._text(statement.sql)))
        else:
            key = (statement.position, statement.alias)
            count, seconds = self.left_out.get(key, (0, 0.0))
            self.left_out[key] = count + 1, seconds + statement.ended - statement.began
        if statement.transaction is not None and len(self.seen) < MAX_EFFECTS:
            self.seen[statement.transaction.number] = statement.transaction

    def _text(self, sql: str) -> str:
        """The text of a statement as it is kept: equal ones once."""
        known = self.texts.get(sql)
        if known is not None:
            return known
        if self.kept + len(sql) > MAX_KEPT:
            sql = sql[:MAX_SHORT]
        kept = self.texts.setdefault(sql, sql)
        self.kept += len(sql) if kept is sql else 0
        return kept

    def suspect(self, record: Record, index: int, transaction: Transaction) -> None:
        """A statement of a receiver call has failed in a transaction that was not broken before."""
        if len(self.suspects) < MAX_EFFECTS:
            transaction.suspect = Suspect(record, index, self.broken, transaction)
            self.suspects.append(transaction.suspect)

    def end(self) -> None:
        """The dispatch has ended."""
        for suspect in self.suspects:
            suspect.look_at_connection()

    def queries_by_call(self) -> dict[int, tuple[int, float]]:
        """How many queries each receiver call ran, and how many seconds they took, by its position."""
        sums: dict[int, tuple[int, float]] = {}
        found = [(one.position, 1, one.ended - one.began) for one in list(self.statements) if not is_control(one.sql)]
        found += [(index, count, seconds) for (index, _), (count, seconds) in list(self.left_out.items())]
        for index, count, seconds in found:
            known = sums.get(index, (0, 0.0))
            sums[index] = known[0] + count, known[1] + seconds
        return sums

    def add_effect(self, effect: Effect) -> None:
        """Note an effect."""
        if len(self.effects) < MAX_EFFECTS:
            self.effects.append(effect)


class Places(NamedTuple):
    """Where something happens: the receiver call and its notes, and those of the request; each may be None."""

    record: Record | None
    position: int
    call_notes: DatabaseNotes | None
    request_notes: DatabaseNotes | None


def current_places() -> Places | None:
    """Where this thread or task is; None where nothing is observed."""
    state = get_state()
    if state.suppressed:
        return None
    call, origin = call_at(state.top), state.origin
    request = _notes_of_request(origin) if origin is not None else None
    if call is None:
        return Places(None, -1, None, request)
    record, index = call
    notes: DatabaseNotes | None = database_notes_of(record)
    if notes is None:
        notes = DatabaseNotes()
        set_database_notes(record, notes)
    return Places(record, index, notes, request)


def _notes_of_request(origin: Origin) -> DatabaseNotes | None:
    """The notes of a request that has not ended; nobody adds up those of others."""
    if origin.kind != "request" or origin.closed or origin.ignored:
        return None
    notes: DatabaseNotes | None = origin.database_notes
    if notes is None:
        notes = origin.database_notes = DatabaseNotes()
    return notes
