"""Exceptions by which a receiver refuses something on purpose."""

from __future__ import annotations

from signal_monitor.records import Dispatch, ReceiverCall

from .snapshot import Snapshot

REFUSALS = (
    "django.core.exceptions.ValidationError",
    "django.core.exceptions.PermissionDenied",
    "django.core.exceptions.SuspiciousOperation",
    "django.db.models.deletion.ProtectedError",
    "django.db.models.deletion.RestrictedError",
    "django.http.response.Http404",
)
"""Django answers these, or its callers catch them."""


def may_refuse(snapshot: Snapshot, dispatch: Dispatch, call: ReceiverCall) -> bool:
    """Whether an exception may be meant for the caller: before something happens, or of a type that says no.

    Not if it ended the request with an error of the server.
    """
    request = snapshot.request_of(dispatch)
    if request is not None and request.failed:
        return False
    kind = call.failure.type if call.failure is not None else ""
    return dispatch.signal.rpartition(".")[2].startswith("pre_") or kind in REFUSALS
