"""A process that has sent nothing has no thread of ours; ``os.fork()`` warns where there are threads."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
import warnings
from typing import Any

from django.dispatch import Signal

from tests.transparency.calls import Sender, connected, first
from tests.transparency.scenario import at_most_more, scenario, shown


def fork() -> list[str]:
    """What a fork warns of; the child ends at once."""
    faulthandler.cancel_dump_traceback_later()  # its thread counts too, until the system has taken it away
    time.sleep(0.05)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    return [str(item.message).partition(" is ")[2] for item in caught]


@scenario()
def before_the_first_record() -> Any:
    return [threading.active_count(), fork()]


@scenario()
def after_signals_without_receivers() -> Any:
    made = Signal()
    return [made.send(Sender), made.send_robust(Sender), made.has_listeners(Sender), threading.active_count(), fork()]


@scenario(same=at_most_more(1))
def threads_after_a_record() -> Any:
    made = connected(first)
    made.send(Sender)
    return threading.active_count()


@scenario()
def in_a_child() -> Any:
    """A child sends as its parent does."""
    made = connected(first, first)
    made.send(Sender)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.write(writing, repr(shown([made.send(Sender, value=1), made.send_robust(Sender, value=2)])).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reading, 10_000).decode()
