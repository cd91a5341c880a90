"""Edits of a signal by hand, past ``connect`` and ``disconnect``."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock

from asgiref.sync import markcoroutinefunction
from django.dispatch import dispatcher

from .calls import Sender

SENDER = Sender()


def one(**named: Any) -> Any:
    return 1


def two(**named: Any) -> Any:
    return 2


def three(**named: Any) -> Any:
    return 3


async def later(**named: Any) -> Any:
    return "later"


def marked(**named: Any) -> Any:
    return later()


markcoroutinefunction(marked)

# Each edits a signal by hand. What it answers undoes it, where that is worth a try.
Edit = Callable[[Any], Any]
EDITS: dict[str, Edit] = {}


def edit(function: Edit) -> Edit:
    """Put an edit into the table."""
    EDITS[function.__name__] = function
    return function


def entry_for(made: Any, receiver: Any, index: int = 0, **changed: Any) -> Any:
    """An entry like one of the signal's, with another receiver."""
    entry = list(made.receivers[index])
    entry[1] = receiver
    if "is_async" in changed:
        entry[-1] = changed["is_async"]
    return tuple(entry)


@edit
def entry_replaced(made: Any) -> Any:
    before = made.receivers[0]
    made.receivers[0] = entry_for(made, weakref.ref(three))
    return lambda: made.receivers.__setitem__(0, before)


@edit
def entry_replaced_strongly(made: Any) -> None:
    made.receivers[1] = entry_for(made, three, 1)


@edit
def entry_made_async(made: Any) -> Any:
    made.receivers[0] = entry_for(made, later, is_async=True)
    return lambda: made.receivers.__setitem__(0, entry_for(made, one, is_async=False))


@edit
def entry_with_another_sender(made: Any) -> Any:
    before = made.receivers[0]
    made.receivers[0] = ((before[0][0], 12345), *before[1:])
    return lambda: made.receivers.__setitem__(0, before)


@edit
def entry_of_a_dead_receiver(made: Any) -> None:
    made.receivers[0] = entry_for(made, weakref.ref(Sender()))


@edit
def entries_reversed(made: Any) -> Any:
    made.receivers.reverse()
    return made.receivers.reverse


@edit
def entries_sorted(made: Any) -> None:
    made.receivers.sort(key=lambda entry: entry[1]() is one)


@edit
def entry_inserted(made: Any) -> Any:
    made.receivers.insert(0, ((1, made.receivers[0][0][1]), *entry_for(made, three)[1:]))
    return lambda: made.receivers.pop(0)


@edit
def entry_deleted(made: Any) -> None:
    del made.receivers[0]


@edit
def entries_cleared(made: Any) -> None:
    made.receivers.clear()


@edit
def list_replaced(made: Any) -> Any:
    before, made.receivers = made.receivers, []
    return lambda: setattr(made, "receivers", before)


@edit
def list_copied(made: Any) -> Any:
    before, made.receivers = made.receivers, made.receivers[:1]
    return lambda: setattr(made, "receivers", before)


@edit
def tuple_of_entries(made: Any) -> Any:
    before, made.receivers = made.receivers, tuple(made.receivers[1:])
    return lambda: setattr(made, "receivers", before)


@edit
def caching_switched(made: Any) -> Any:
    made.use_caching = not made.use_caching
    return lambda: setattr(made, "use_caching", not made.use_caching)


@edit
def caching_switched_and_connected(made: Any) -> Any:
    made.use_caching = not made.use_caching
    made.connect(three)
    return lambda: setattr(made, "use_caching", not made.use_caching)


@edit
def cache_replaced(made: Any) -> None:
    made.sender_receivers_cache = type(made.sender_receivers_cache)()
    del made.receivers[0]


@edit
def cache_cleared(made: Any) -> None:
    made.sender_receivers_cache.clear()
    del made.receivers[0]


@edit
def cache_of_nobody(made: Any) -> Any:
    for sender in (Sender, SENDER, *([] if made.use_caching else ["sender", None])):
        made.sender_receivers_cache[sender] = dispatcher.NO_RECEIVERS
    return made.sender_receivers_cache.clear


def cached_entries(made: Any, receiver: Any) -> Any:
    """Entries as the cache has them, for one receiver."""
    return [(receiver, *made.receivers[0][2:])]


@edit
def cache_written(made: Any) -> Any:
    if made.use_caching:
        made.sender_receivers_cache[Sender] = cached_entries(made, three)
        made.sender_receivers_cache[SENDER] = cached_entries(made, three)
    return made.sender_receivers_cache.clear


def cached(change: Callable[[Any, Any], Any]) -> Edit:
    """An edit of the lists in Django's cache."""

    def edit_cached(made: Any) -> Any:
        for listed in list(made.sender_receivers_cache.values()):
            if listed is not dispatcher.NO_RECEIVERS:
                change(listed, cached_entries(made, three))
        return made.sender_receivers_cache.clear

    return edit_cached


CACHED_EDITS: dict[str, Callable[[Any, Any], Any]] = {
    "append": lambda listed, entries: listed.append(entries[0]),
    "extend": lambda listed, entries: listed.extend(entries),
    "insert": lambda listed, entries: listed.insert(0, entries[0]),
    "pop": lambda listed, entries: listed.pop(),
    "remove": lambda listed, entries: listed.remove(listed[0]),
    "item": lambda listed, entries: listed.__setitem__(0, entries[0]),
    "delete": lambda listed, entries: listed.__delitem__(0),
    "slice": lambda listed, entries: listed.__setitem__(slice(None), entries),
    "reverse": lambda listed, entries: listed.reverse(),
    "sort": lambda listed, entries: listed.sort(key=lambda entry: entry[0]() is one),
    "clear": lambda listed, entries: listed.clear(),
    "iadd": lambda listed, entries: listed.__iadd__(entries),
    "imul": lambda listed, entries: listed.__imul__(2),
}
EDITS.update({f"cached_{name}": cached(change) for name, change in CACHED_EDITS.items()})


@edit
def flagged_as_dead(made: Any) -> None:
    made._dead_receivers = True


@edit
def ids_made_otherwise(made: Any) -> Any:
    patch = mock.patch.object(dispatcher, "_make_id", return_value=42)
    patch.start()
    return patch.stop


@edit
def lock_replaced(made: Any) -> Any:
    before, made.lock = made.lock, contextlib.nullcontext()
    return lambda: setattr(made, "lock", before)


@edit
def code_of_a_receiver_replaced(made: Any) -> Any:
    before, one.__code__ = one.__code__, three.__code__
    return lambda: setattr(one, "__code__", before)


@edit
def state_taken_over(made: Any) -> None:
    other = type(made)(use_caching=made.use_caching)
    other.connect(three)
    vars(made).update(vars(other))


@edit
def state_copied_from_before(made: Any) -> Any:
    before = dict(vars(made), receivers=list(made.receivers))
    made.connect(three)
    made.send(Sender)
    vars(made).update(before)
    return lambda: made.disconnect(three)
