"""Prints what the monitor tells of send methods that it does not observe; ``test_method_search`` runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import django
from django.conf import settings
from django.core import checks
from django.dispatch import Signal

settings.configure(INSTALLED_APPS=["signal_monitor"], SIGNAL_MONITOR={"STORE": "memory"}, SECRET_KEY="none")
django.setup()

from signal_monitor.pipeline.process import observation_mode  # noqa: E402
from signal_monitor.testing import capture_dispatches  # noqa: E402


def receiver(**_kwargs: Any) -> int:
    return 1


def live(signal: Signal, sender: Any) -> list[Any]:
    receivers: list[Any] = signal._live_receivers(sender)[0]
    return receivers


class Sender:
    def __call__(self, sender: Any) -> None: ...


class NotObserved(Signal):
    send_with = Sender()

    def send(self, sender: Any, **named: Any) -> list[Any]:
        return [(entry[1](), entry[1]()(signal=self)) for entry in self.receivers]

    def run(self, _sender: Any) -> list[Any]:
        return [found(signal=self) for entry in self.receivers if (found := entry[1]())]

    def send_each(self, sender: Any) -> Iterator[Any]:
        for one in self._live_receivers(sender)[0]:
            yield one(signal=self)

    @classmethod
    def send_all(cls, signals: list[Signal]) -> list[Any]:
        return [one(signal=signal) for signal in signals for one in live(signal, None)]


signal = NotObserved()
signal.connect(receiver)
with capture_dispatches() as captured:
    answers = [answer for _, answer in signal.send("sender")]
    answers += [*signal.run("sender"), *signal.send_each("sender"), *NotObserved.send_all([signal])]
messages = [message for message in checks.run_checks(tags=["signal_monitor"]) if str(message.id).endswith("I002")]
told = {
    "ids": [message.id for message in messages],
    "texts": [message.msg for message in messages],
    "mode": observation_mode(),
    "answers": answers,
    "dispatches": [[len(dispatch.calls), sorted(dispatch.outside)] for dispatch in captured.dispatches],
}
sys.stdout.write(json.dumps(told))
