"""How random actions are drawn."""

from __future__ import annotations

from hypothesis import strategies as st

from signal_monitor.records import METHODS

from . import actions
from .errors import ERRORS
from .hostile import SENDERS
from .receivers import ASYNC, SYNC

# Names that a send method of ours might have taken, and the two that are Django's.
NAMES = ("value", "request", "method", "observation", "receiver", "named", "cls", "responses", "plan", "self", "signal")
PLACES: tuple[actions.Place, ...] = ("here", "here", "in a context", "in a thread", "in a thread with its context")

numbers = st.integers(0, 5)

# What is usual is drawn most often, or the rest would seldom meet it: a plain or caching signal, a function, a class.
signals = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5])
senders = st.sampled_from([None, None, 0, 0, 1, 2, 3])
uids = st.sampled_from([None, None, None, "uid"])
methods = st.sampled_from(("send", "send", "send_robust", *METHODS))
names = st.one_of(
    *[st.just(())] * 4, st.just(("signal",)), st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)
)

connects = st.builds(actions.Connect, signals, numbers, senders, st.booleans(), uids)
disconnects = st.builds(actions.Disconnect, signals, numbers, senders, uids)
sends = st.builds(actions.Send, signals, senders, methods, names, st.booleans(), st.sampled_from(PLACES))
mutes, unmutes = st.builds(actions.Mute, signals), st.builds(actions.Unmute, signals, st.booleans())
reversals = st.builds(actions.Reverse, signals, st.booleans())
edits = st.one_of(mutes, unmutes, unmutes, reversals)
forgets = st.builds(actions.ForgetReceiver, numbers) | st.builds(actions.ForgetSender, numbers)
questions = st.builds(actions.HasListeners, signals, senders)
variables = st.builds(actions.SetVariable, st.integers(1, 9))
raises = st.builds(actions.Raise, st.sampled_from(sorted(ERRORS)))
pauses = st.just(actions.Pause())

in_receivers = st.one_of(
    connects, disconnects, sends, mutes, unmutes, reversals, forgets, questions, variables, raises, pauses
)
several = st.lists(in_receivers, min_size=2, max_size=3).map(tuple)
scripts = st.one_of(st.just(()), st.tuples(variables), st.tuples(sends), st.tuples(raises), several)


def _receivers(kinds: list[str]) -> st.SearchStrategy[actions.MakeReceiver]:
    return st.builds(actions.MakeReceiver, st.sampled_from(kinds), scripts, st.integers(0, 3))


usual_receivers = _receivers(["function", "method"])
usual_areceivers = _receivers(["afunction", "amethod"])
sync_receivers = _receivers(["function"] * 8 + ["method"] * 4 + sorted(SYNC))
async_receivers = _receivers(["afunction"] * 4 + sorted(ASYNC))
made_senders = st.builds(actions.MakeSender, st.sampled_from(["class"] * 8 + sorted(SENDERS)))
collects = st.just(actions.Collect())  # not in receivers: it would be in the midst of the other world's step
changes = st.one_of(connects, disconnects, edits)
deaths = forgets | collects
loops = st.builds(actions.Loop, st.lists(sends, min_size=1, max_size=3).map(tuple), st.booleans())
