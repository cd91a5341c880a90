"""Sentry's SDK with its Django integration, and a transport that drops everything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sentry_sdk
from django.dispatch import Signal
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.transport import Transport

from . import ENCODE
from .base import Bounds, Tool, Work, exactly

MOST_SPANS = 1_000
"""The spans of a transaction that the SDK keeps."""


class DroppingTransport(Transport):
    """Counts the spans in envelopes and drops them; with ENCODE, it encodes them before."""

    spans = 0
    transactions = 0

    def __init__(self, options: Any = None) -> None:  # noqa: ANN401 - Sentry's signature
        super().__init__(options)
        self._encodes = bool(os.environ.get(ENCODE))

    def capture_envelope(self, envelope: Envelope) -> None:
        """Count."""
        event = envelope.get_transaction_event()
        if event is not None:
            DroppingTransport.transactions += 1
            DroppingTransport.spans += len(event["spans"])
        if self._encodes:
            envelope.serialize()


class Sentry(Tool):
    """Without tracing; its integration still wraps signals."""

    options: Mapping[str, Any] = {}

    def prepare(self) -> None:
        sentry_sdk.init(
            dsn="https://public@localhost/1",
            transport=DroppingTransport,
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[DjangoIntegration(signals_spans=True)],
            **self.options,
        )

    def recorded(self) -> Mapping[str, int]:
        return {"Sentry spans": DroppingTransport.spans, "transactions": DroppingTransport.transactions}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"Sentry spans": exactly(0), "transactions": exactly(0)}

    def check(self) -> None:
        signal = Signal()
        signal.connect(_receiver)
        ((receiver, _response),) = signal.send(None)
        if receiver is _receiver:
            raise AssertionError("Sentry does not wrap receivers")


class TracedSentry(Sentry):
    """With every transaction sampled, and the sends inside transactions."""

    options = {"traces_sample_rate": 1.0}
    opened_calls: int | None = 900  # the SDK keeps 1,000 spans of a transaction and drops the others

    def opened(self) -> AbstractContextManager[object]:
        return sentry_sdk.start_transaction(name="request")

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"Sentry spans": exactly(work.sync_calls)}


class RequestSentry(TracedSentry):
    """With Sentry's own transaction for each request."""

    opened_calls = None

    def opened(self) -> AbstractContextManager[object]:
        return nullcontext()

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        """The spans of receivers, and further ones of middleware and queries."""
        spans = work.sync_calls, MOST_SPANS * work.requests
        return {"transactions": exactly(work.requests), "Sentry spans": spans}


def _receiver(**kwargs: object) -> None:
    pass
