"""Why the store does not have what an address names, and the names like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signal_monitor.conf import get_config
from signal_monitor.dashboard.connected import sent_signals, sources
from signal_monitor.dashboard.formatting import moment
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.similar import similar
from signal_monitor.findings.engine import find_lately
from signal_monitor.stores.base import Store, StoreError
from signal_monitor.stores.filters import DispatchFilter

COMPARED = 200
"""Records whose ids are compared with one that is not found."""
MOST_FINDINGS = 5


@dataclass(frozen=True)
class Like:
    """Something with a name like the one that is not found: its page, the argument of that, and what is shown."""

    page: str
    argument: str
    text: str


@dataclass(frozen=True)
class Missing:
    """What is not found: a sentence, why, and what is like it, of ``known`` of its kind."""

    claim: str
    why: Sequence[str]
    like: Sequence[Like] = ()
    known: int = 0


def missing(store: Store, page: str, wanted: str) -> Missing:
    """Why a page has nothing to show, and what is like it."""
    try:
        return _explained(store, page, wanted)
    except StoreError:
        return Missing(f"This {page} is not in the store", [])


def _explained(store: Store, page: str, wanted: str) -> Missing:
    if page in {"signal", "receiver"}:
        return _name(store, page, wanted)
    if page == "finding":
        return _finding(store)
    return _dispatch(store, wanted) if page == "dispatch" else _request(store)


def known_names(store: Store, kind: str) -> list[str]:
    """The names of all signals or receivers that are connected or were seen."""
    rows = sent_signals(store, sources(store))
    if kind == "signal":
        return [row.name for row in rows]
    connected = [item.connection.receiver for row in rows for item in row.connections]
    counted = [row.key for row in store.totals("receiver" if kind == "receiver" else "sender")]
    return list(dict.fromkeys(filter(None, [*(connected if kind == "receiver" else ()), *counted])))


def _name(store: Store, kind: str, wanted: str) -> Missing:
    known = known_names(store, kind)
    verb = "connected" if kind == "receiver" else "sent, and nothing is connected to it"
    why = f"It was never {verb}, or it has another name since the code was changed."
    return Missing(
        f"No {kind} has this name",
        [why, *_how_far_back(store)],
        [Like(kind, name, name) for name in similar(wanted, known)],
        len(known),
    )


def _how_far_back(store: Store) -> list[str]:
    """How far back the store goes, if it has anything."""
    first = min((state.process.started_at for state in processes(store)), default=None)
    if first is None:
        return ["The store is empty: no process has reported anything."]
    return [f"The oldest process that the store knows was started on {moment(first)}; what ran before is gone."]


def _dispatch(store: Store, wanted: str) -> Missing:
    process_id = wanted.partition("-")[0]
    title = next((state.process.title for state in processes(store) if state.process.id == process_id), None)
    if title is not None:
        why = [
            f"It belongs to a process that the store knows: {title}. Slow and failed dispatches are stored, of those "
            "that fail alike 20 a second, and a sample of the others (SAMPLE_PER_SECOND).",
            f"Old ones are deleted when the store has {get_config().STORE_MB} MB (STORE_MB).",
        ]
    else:
        why = ["No process that the store knows has made it: the store was emptied, or it is another one."]
        why += _how_far_back(store)
    ids = [row.id for row in store.dispatches(DispatchFilter(), COMPARED)]
    return Missing("This dispatch is not in the store", why, [Like("dispatch", x, x) for x in similar(wanted, ids)])


def _request(store: Store) -> Missing:
    why = [
        "All slow and failed requests are stored, and a sample of the others that have sent a signal "
        "(SAMPLE_PER_SECOND).",
        f"Old ones are deleted when the store has {get_config().STORE_MB} MB (STORE_MB).",
        *_how_far_back(store),
    ]
    latest = store.requests(MOST_FINDINGS)
    return Missing(
        "This request is not in the store",
        why,
        [Like("request", row.id, f"{row.method} {row.path}") for row in latest],
        len(latest),
    )


def _finding(store: Store) -> Missing:
    found = find_lately(store)
    why = [
        "Its cause is gone, and nothing that the store still has shows it: its evidence was deleted when the store had "
        f"{get_config().STORE_MB} MB (STORE_MB), or it was about a call that hung and has ended since.",
        *_how_far_back(store),
    ]
    like = [Like("finding", row.id, f"{row.title}: {row.subject}") for row in found[:MOST_FINDINGS]]
    return Missing("This finding is not in the store", why, like, len(found))
