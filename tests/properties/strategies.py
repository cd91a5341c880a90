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
signals = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 3, 4, 5])
senders = st.sampled_from([None, None, 0, 0, 1, 2, 3])
uids = st.sampled_from([None, None, "uid"])
methods = st.sampled_from(("send", "send", "send_robust", *METHODS))
names = st.just(()) | st.just(()) | st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)

connects = st.builds(actions.Connect, signals, numbers, senders, st.booleans(), uids)
disconnects = st.builds(actions.Disconnect, signals, numbers, senders, uids)
sends = st.builds(actions.Send, signals, senders, methods, names, st.booleans(), st.sampled_from(PLACES))
edits = st.one_of(
    st.builds(actions.Mute, signals),
    st.builds(actions.Unmute, signals, st.booleans()),
    st.builds(actions.Reverse, signals, st.booleans()),
)
forgets = st.builds(actions.ForgetReceiver, numbers) | st.builds(actions.ForgetSender, numbers)
questions = st.builds(actions.HasListeners, signals, senders)
variables = st.builds(actions.SetVariable, st.integers(1, 9))
raises = st.builds(actions.Raise, st.sampled_from(sorted(ERRORS)))
pauses = st.just(actions.Pause())

in_receivers = connects | disconnects | sends | edits | forgets | questions | variables | raises | pauses
scripts = st.just(()) | st.lists(in_receivers, max_size=3).map(tuple)

sync_receivers = st.builds(
    actions.MakeReceiver, st.sampled_from(["function"] * 8 + ["method"] * 4 + sorted(SYNC)), scripts, st.integers(0, 3)
)
async_receivers = st.builds(
    actions.MakeReceiver, st.sampled_from(["afunction"] * 4 + sorted(ASYNC)), scripts, st.integers(0, 3)
)
made_senders = st.builds(actions.MakeSender, st.sampled_from(["class"] * 8 + sorted(SENDERS)))
collects = st.just(actions.Collect())  # not in receivers: it would be in the midst of the other world's step
changes = st.one_of(connects, disconnects, edits)
deaths = forgets | collects
loops = st.builds(actions.Loop, st.lists(sends, min_size=1, max_size=3).map(tuple), st.booleans())
