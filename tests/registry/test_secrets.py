"""Names of senders and a ``dispatch_uid`` may contain secrets, as any text of an application may."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from django.dispatch import Signal, receiver

from signal_monitor.cli.connected import connection_json
from signal_monitor.finding import to_json
from signal_monitor.findings.rules.never_sender import NeverSender
from signal_monitor.registry.live import live_signals
from signal_monitor.registry.records import Registry
from signal_monitor.registry.snapshot import take_registry

URL = "https://hook:hunter2pass@pay.example/callback"
TOKEN = "sk_live_" + "ABCDEFGHIJKLMNOPQRSTUVWX"
SECRETS = ("hunter2pass", TOKEN)

guarded_signal = Signal()


def receive(**kwargs: Any) -> None: ...


def receive_too(**kwargs: Any) -> None: ...


class Desk:
    def receive(self, **kwargs: Any) -> None: ...


def without_secrets(registry: Registry) -> Registry:
    text = json.dumps(asdict(registry))
    assert [secret for secret in SECRETS if secret in text] == []
    return registry


@pytest.mark.parametrize("uid", [TOKEN, ("hook", "password=hunter2pass"), URL, TOKEN.encode()])
@pytest.mark.parametrize("sender", [None, URL, TOKEN, [URL, TOKEN]])
def test_connections(uid: Any, sender: Any) -> None:
    signal = guarded_signal
    signal.connect(receive, sender=sender, dispatch_uid=uid)
    try:
        found = without_secrets(take_registry("p")).signal(f"{__name__}.guarded_signal")
        assert found is not None
        assert len(found.connections) == 1
        assert found.connections[0].dispatch_uid
        live = [each for each in live_signals() if each.signal is signal]
        told = json.dumps([connection_json(each) for one in live for each in one.connections])
        assert [secret for secret in SECRETS if secret in told] == []
    finally:
        signal.disconnect(receive, sender=sender, dispatch_uid=uid)


@pytest.mark.parametrize("sender", [URL, [TOKEN]])
def test_what_did_not_come_about(sender: Any) -> None:
    signal = Signal()
    signal.connect(receive, sender=sender, dispatch_uid=TOKEN)
    signal.connect(receive_too, sender=sender, dispatch_uid=TOKEN)
    signal.connect(receive, dispatch_uid="password=" + TOKEN)
    signal.disconnect(receive, sender="api_key=" + TOKEN, dispatch_uid="token=" + TOKEN)
    found = without_secrets(take_registry("p"))
    assert found.taken_uids[-1].receiver == f"{__name__}.receive_too"
    assert found.failed_disconnects[-1].receiver == f"{__name__}.receive"


def test_what_died() -> None:
    signal = Signal()
    signal.connect(Desk().receive, sender=URL)
    assert signal.send(URL) == []
    assert without_secrets(take_registry("p")).died[-1].receiver == f"{__name__}.Desk.receive"


def test_a_finding_that_shows_the_source() -> None:
    signal = Signal()

    @receiver(signal, sender=["https://hook:hunter2pass@pay.example/callback", "other"])
    def decorated(**kwargs: Any) -> None: ...

    live = [each for each in live_signals() if each.signal is signal]
    told = "".join(map(to_json, NeverSender().check(live)))
    assert "a list of 2 senders" in told
    assert [secret for secret in SECRETS if secret in told] == []
