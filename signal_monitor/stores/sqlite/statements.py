"""The SQL statements of the store; all values are parameters."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal, get_args

from signal_monitor.records import BROWSER_END, Dispatch, Request, SubjectKind
from signal_monitor.stores.base import LIFE, Totals
from signal_monitor.stores.filters import REQUEST_SIGNALS, DispatchFilter, min_ns, outcomes
from signal_monitor.stores.retention import Deletable, category_of
from signal_monitor.stores.sqlite.encoding import DamagedError, column, decode_buckets, encode, encode_buckets
from signal_monitor.stores.sqlite.schema import TOTALS_FIELDS
from signal_monitor.stores.sqlite.validation import checker_of
from signal_monitor.stores.windows import LONG_SECONDS

Row = tuple[Any, ...]
Term = tuple[str, list[Any]]
"""One condition and the values for its question marks."""
Query = tuple[str, list[Any]]
Processes = Sequence[str] | None
"""The ids of the processes to read; all for None."""

# The plus keeps SQLite from reading all windows in the order of the second index, only to avoid a sort.
Group = Literal["+key", '+"window"']
BY_KEY: Group = "+key"
BY_WINDOW: Group = '+"window"'
SUMS = (
    'kind, key, min("window"), sum(count), sum(failures), sum(slow), sum(blocking), sum(not_run), '
    "sum(request_calls), sum(total_ns), sum(self_ns), sum(receivers_ns), sum(waiting_ns), sum(other_ns), "
    "sum(waited_ns), sum(waited_count), max(seconds), max(max_ns), "
    "group_concat(buckets), max(app), max(path), max(line), max(last_at)"
)
_NAMES = ", ".join(f'"{name}"' for name in TOTALS_FIELDS)

PUT_DISPATCH = "INSERT OR REPLACE INTO dispatches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_PAYLOAD = "INSERT INTO payloads VALUES (?, ?)"
PUT_CALL = "INSERT INTO calls VALUES (?, ?, ?, ?, ?)"
PUT_REQUEST = (
    "INSERT OR REPLACE INTO requests (id, path, view, process, started_at, duration_ns, payload) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
PUT_PROCESS = "INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)"
PUT_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)"
FACTS = "SELECT payload FROM facts WHERE kind = ? ORDER BY process, key"
# REPLACE would delete the row and its entry in the second index many times a minute.
PUT_TOTALS = (
    f"INSERT INTO totals (process, {_NAMES}) "  # noqa: S608 - our own text
    f"VALUES (?{', ?' * len(TOTALS_FIELDS)}) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in TOTALS_FIELDS[3:])
)
DELETE_DISPATCHES = (
    "DELETE FROM dispatches WHERE seq IN (SELECT seq FROM dispatches WHERE category = ? ORDER BY seq LIMIT ?)"
)
DELETE_REQUESTS = "DELETE FROM requests WHERE seq IN (SELECT seq FROM requests ORDER BY seq LIMIT ?)"
LAST_ARRIVAL = "SELECT coalesce(max(seq), 0) FROM dispatches"
ONE_DISPATCH = "SELECT payload FROM dispatches JOIN payloads USING (seq) WHERE id = ?"
TREE = (
    "SELECT payload FROM dispatches JOIN payloads USING (seq) WHERE root_id = ? ORDER BY started_at, depth, seq LIMIT ?"
)
TO_AMEND = "SELECT seq, payload FROM dispatches JOIN payloads USING (seq) WHERE id = ?"
ONE_REQUEST = "SELECT payload FROM requests WHERE id = ?"
PROCESSES = "SELECT payload FROM processes ORDER BY seen_at DESC"
GONE_PROCESSES = "SELECT id FROM processes WHERE seen_at < ?"
ONE_PROCESS = "SELECT payload FROM processes WHERE id = ?"
DELETE_PROCESS = "DELETE FROM processes WHERE id = ?"
PUT_REGISTRY = "INSERT OR REPLACE INTO registries VALUES (?, ?, ?)"
REGISTRIES = "SELECT payload FROM registries ORDER BY taken_at DESC"
# Of the processes that reported last: those that run report every few seconds, and take their registry once.
DELETE_REGISTRIES = (
    "DELETE FROM registries WHERE process NOT IN (SELECT registries.process FROM registries "
    "JOIN processes ON processes.id = registries.process ORDER BY processes.seen_at DESC LIMIT ?)"
)
COUNT_SILENT = "SELECT count(*) FROM processes WHERE ended OR seen_at < ?"
SILENT_PROCESSES = "SELECT payload FROM processes WHERE ended OR seen_at < ?"
TOTALS_OF_PROCESS = f"SELECT {_NAMES} FROM totals WHERE process = ?"  # noqa: S608 - our own text
TOTALS_ROW = f'SELECT {_NAMES} FROM totals WHERE kind = ? AND "window" = ? AND key = ? AND process = ?'  # noqa: S608 - our own text
DELETE_TOTALS_OF_PROCESS = "DELETE FROM totals WHERE process = ?"
# By kind, with which the primary key begins: a short search for each instead of a scan of the table.
_OF_EACH_KIND = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in get_args(SubjectKind)))
DELETE_WINDOWS = f'DELETE FROM totals WHERE {_OF_EACH_KIND} AND "window" > 0 AND "window" < ?'  # noqa: S608 - our own text

DELETE_OLDEST_WINDOW = (
    f"DELETE FROM totals WHERE {_OF_EACH_KIND} "  # noqa: S608 - our own text
    'AND "window" = (SELECT min("window") FROM totals WHERE "window" > 0)'
)
NOTE_INCOMPLETE = (
    'UPDATE state SET complete_since = max(complete_since, coalesce((SELECT min("window") FROM totals '  # noqa: S608 - our own text
    f'WHERE {_OF_EACH_KIND} AND "window" > 0), 0) + {LONG_SECONDS})'
)
_IN_BLOCK = f'{_OF_EACH_KIND} AND "window" >= ? AND "window" < ?'
BLOCK = (
    f"SELECT process, {SUMS} FROM totals WHERE {_IN_BLOCK} GROUP BY process, kind, key "  # noqa: S608 - our own text
    "HAVING max(seconds) < ? OR count(*) > 1 LIMIT ?"
)
BLOCK_FAILURES = (
    "SELECT process, kind, key, last_failure, max(last_failure_at), last_failure_dispatch "  # noqa: S608 - our own text
    f"FROM totals WHERE {_IN_BLOCK} AND last_failure_at > 0 GROUP BY process, kind, key"
)
DELETE_OF_BLOCK = 'DELETE FROM totals WHERE kind = ? AND key = ? AND process = ? AND "window" >= ? AND "window" < ?'
IS_MERGED = 'SELECT 1 FROM totals WHERE kind = ? AND "window" = ? AND key = ? AND process = ? AND seconds > ?'

_totals_columns = attrgetter(*TOTALS_FIELDS)


def dispatch_row(seq: int, dispatch: Dispatch) -> Row:
    """The dispatch as PUT_DISPATCH takes it."""
    return (
        seq,
        column(dispatch.id),
        column(dispatch.root_id),
        column(dispatch.signal),
        column(dispatch.sender),
        dispatch.started_at,
        dispatch.ended_at,
        dispatch.receivers_ns,
        category_of(dispatch),
        dispatch.severity != "normal",
        dispatch.depth,
        column(dispatch.process),
        _nullable(dispatch.origin_id),
        _nullable(dispatch.trace_id),
    )


def call_rows(seq: int, dispatch: Dispatch) -> list[Row]:
    """The dispatch's receiver calls as PUT_CALL takes them."""
    return [
        (seq, position, column(call.receiver), column(call.app or ""), call.outcome)
        for position, call in enumerate(dispatch.calls)
    ]


def request_row(request: Request) -> Row:
    """The request as PUT_REQUEST takes it."""
    names = (column(request.id), column(request.path), column(request.view_key), column(request.process))
    return *names, request.started_at, request.duration_ns, encode(request)


def totals_row(process: str, totals: Totals) -> Row:
    """The totals as PUT_TOTALS takes them."""
    return process, *map(_value, _totals_columns(totals))


def _value(value: object) -> object:
    if isinstance(value, dict):
        return encode_buckets(value)
    return column(value) if isinstance(value, str) else value


def _nullable(text: str | None) -> str | None:
    return None if text is None else column(text)


def count(rows: Deletable) -> Query:
    """How many of these the file has."""
    if rows == "windows":
        return 'SELECT count(DISTINCT "window") FROM totals WHERE "window" > 0', []
    if rows == "requests":
        return "SELECT count(*) FROM requests", []
    return "SELECT count(*) FROM dispatches WHERE category = ?", [rows]


def delete_oldest(rows: Deletable, limit: int) -> Query:
    """Delete so many of the oldest of these; of windows, one."""
    if rows == "windows":
        return DELETE_OLDEST_WINDOW, []
    return (DELETE_REQUESTS, [limit]) if rows == "requests" else (DELETE_DISPATCHES, [rows, limit])


def select_totals(
    kind: SubjectKind,
    since: float | None,
    key: str | None,
    by: Group,
    processes: Processes = None,
    until: int | None = None,
) -> Query:
    """Totals added up by subject or by window, as ``totals_of`` takes them; SQL is faster than Python here."""
    text, values = _all_of(_totals_terms(kind, since, key, processes, until))
    query = f"SELECT {SUMS} FROM {_totals_by(key)} WHERE {text} GROUP BY {by} ORDER BY {by}"  # noqa: S608 - our own text
    return query, values


def select_failures(
    kind: SubjectKind,
    since: float | None,
    key: str | None,
    by: Group,
    processes: Processes = None,
    until: int | None = None,
) -> Query:
    """The newest failure in each of the groups of ``select_totals`` that has one."""
    text, values = _all_of([*_totals_terms(kind, since, key, processes, until), ("last_failure_at > ?", [0])])
    # With a single max(), SQLite takes the other columns from the row with the maximum.
    query = (
        f"SELECT {by}, last_failure, max(last_failure_at), last_failure_dispatch "  # noqa: S608 - our own text
        f"FROM {_totals_by(key)} WHERE {text} GROUP BY {by}"
    )
    return query, values


_are_totals = checker_of(Totals, TOTALS_FIELDS)


def totals_of(row: Row, failure: Row) -> Totals:
    """The totals in a row of ``select_totals``, with those of the columns of ``select_failures`` that belong to it.

    Raises DamagedError.
    """
    *numbers, buckets, app, path, line, last_at = row
    values = [*numbers, decode_buckets(buckets), app, path, line, last_at, *(failure or (None, None, None))]
    if not _are_totals(values):
        raise DamagedError("not totals")
    return Totals(*values)


def totals_of_row(row: Row) -> Totals:
    """The totals in a row of the table; raises DamagedError."""
    place = TOTALS_FIELDS.index("buckets")
    values = [*row[:place], decode_buckets(row[place]), *row[place + 1 :]]
    if not _are_totals(values):
        raise DamagedError("not totals")
    return Totals(*values)


def _totals_by(key: str | None) -> str:
    """The table, with the index that SQLite does not choose by itself: without statistics, it expects few windows."""
    return "totals" if key is None else "totals INDEXED BY totals_by_key"


def _totals_terms(
    kind: SubjectKind, since: float | None, key: str | None, processes: Processes, until: int | None
) -> list[Term]:
    terms: list[Term] = [("kind = ?", [kind])]
    if since is None:
        terms.append(('"window" = ?', [LIFE]))
    else:
        # The first condition is for the index: no window is longer.
        terms.append(('"window" > ? AND "window" <> ? AND "window" + seconds > ?', [since - LONG_SECONDS, LIFE, since]))
    if until is not None:
        terms.append(('"window" < ?', [until]))
    if key is not None:
        terms.append(("key = ?", [column(key)]))
    return [*terms, *_of_processes(processes)]


def _of_processes(processes: Processes) -> list[Term]:
    if processes is None:
        return []
    return [(f"process IN ({', '.join('?' * len(processes))})", list(map(column, processes)))]


def select_dispatches(where: DispatchFilter, limit: int) -> Query:
    """The payloads of the dispatches that match the filter, newest first."""
    text, values = _terms_text(where)
    # SQLite keeps the order of a CROSS JOIN: read the index by start, then the payloads of what matches.
    return (
        f"SELECT payload FROM dispatches CROSS JOIN payloads USING (seq) WHERE {text} "  # noqa: S608 - our own text
        "ORDER BY started_at DESC, dispatches.seq DESC LIMIT ?",
        [*values, limit],
    )


def select_arrivals(where: DispatchFilter, after: int, limit: int) -> Query:
    """The numbers above ``after`` and the payloads of the dispatches that match, those stored last first."""
    text, values = _terms_text(where)
    return (
        f"SELECT dispatches.seq, payload FROM dispatches CROSS JOIN payloads USING (seq) "  # noqa: S608 - our own text
        f"WHERE dispatches.seq > ? AND {text} ORDER BY dispatches.seq DESC LIMIT ?",
        [after, *values, limit],
    )


def _terms_text(where: DispatchFilter) -> Query:
    terms = [*_given(_dispatch_terms(where)), *_of_processes(where.processes)]
    call_terms = _given(_call_terms(where))
    if call_terms:
        text, values = _all_of(call_terms)
        exists = f"EXISTS (SELECT 1 FROM calls WHERE calls.seq = dispatches.seq AND {text})"  # noqa: S608 - our own text
        terms.append((exists, values))
    return _all_of(terms)


def count_dispatches(where: DispatchFilter) -> Query:
    """How many dispatches match the filter."""
    text, values = _terms_text(where)
    return f"SELECT count(*) FROM dispatches WHERE {text}", values  # noqa: S608 - our own text


def select_requests(
    path: str, view: str, slow_ms: float, before: float, limit: int, processes: Processes = None
) -> Query:
    """The payloads of the requests that match, newest first."""
    terms: list[Term] = [
        ("matches(?, CAST(path AS BLOB))", [column(path)]),
        ("matches(?, CAST(view AS BLOB))", [column(view)]),
        ("duration_ns >= ?", [min_ns(slow_ms)]),
        ("started_at < ?", [before]),
    ]
    text, values = _all_of([*_given(terms), *_of_processes(processes)])
    query = f"SELECT payload FROM requests WHERE {text} ORDER BY started_at DESC, seq DESC LIMIT ?"  # noqa: S608 - our own text
    return query, [*values, limit]


def _dispatch_terms(where: DispatchFilter) -> list[Term]:
    routine = REQUEST_SIGNALS if where.without_request_signals else ()
    return [
        ("matches(?, CAST(signal AS BLOB))", [column(where.signal)]),
        ("matches(?, CAST(sender AS BLOB))", [column(where.sender)]),
        ("signal = ?", [column(where.exact_signal)]),
        ("receivers_ns >= ?", [min_ns(where.min_ms)]),
        ("slow = ?", [where.slow]),
        ("(category = 'failed') = ?", [where.failed]),
        ("origin_id = ?", [column(where.origin_id)]),
        ("trace_id = ?", [column(where.trace_id)]),
        ("process = ?", [column(where.process)]),
        ("substr(origin_id, 1, ?) = ?", _beginning(where.browser)),
        ("started_at < ?", [where.before]),
        ("ended_at >= ?", [where.ended_since]),
        ("(signal NOT IN (?, ?) OR category <> 'routine')", list(routine)),
    ]


def _beginning(browser: str) -> list[Any]:
    """What the ids of the requests of a browser begin with, and its length."""
    beginning = f"{browser}{BROWSER_END}"
    return [len(beginning), beginning] if browser else []


def _call_terms(where: DispatchFilter) -> list[Term]:
    allowed = outcomes(where)
    return [
        ("matches(?, CAST(receiver AS BLOB))", [column(where.receiver)]),
        ("receiver = ?", [column(where.exact_receiver)]),
        ("matches(?, CAST(app AS BLOB))", [column(where.app)]),
        (f"outcome IN ({', '.join('?' * len(allowed))})", list(allowed)),
    ]


def _given(terms: list[Term]) -> list[Term]:
    """The terms of the fields that are set."""
    return [(text, values) for text, values in terms if any(values)]


def _all_of(terms: list[Term]) -> Query:
    text = " AND ".join(text for text, _values in terms) or "1"
    return text, [value for _text, values in terms for value in values]
