"""The arguments that Django's signals are sent with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.core import signals as core
from django.core.signals import setting_changed
from django.db.backends.signals import connection_created
from django.db.models import signals as model_signals
from django.dispatch import Signal

from signal_monitor.instrumentation.info import signal_info

ALWAYS = frozenset({"signal", "sender"})
_SAVED = frozenset({"instance", "raw", "using", "update_fields"})
_MIGRATED = frozenset({"app_config", "verbosity", "interactive", "stdout", "using", "plan", "apps"})
_ARGUMENTS: Sequence[tuple[Signal, frozenset[str]]] = (
    (model_signals.pre_init, frozenset({"args", "kwargs"})),
    (model_signals.post_init, frozenset({"instance"})),
    (model_signals.pre_save, _SAVED),
    (model_signals.post_save, _SAVED | {"created"}),
    (model_signals.pre_delete, frozenset({"instance", "using", "origin"})),
    (model_signals.post_delete, frozenset({"instance", "using", "origin"})),
    (model_signals.m2m_changed, frozenset({"instance", "action", "reverse", "model", "pk_set", "using"})),
    (model_signals.class_prepared, frozenset()),
    (model_signals.pre_migrate, _MIGRATED),
    (model_signals.post_migrate, _MIGRATED),
    (core.request_started, frozenset({"environ", "scope"})),
    (core.request_finished, frozenset()),
    (core.got_request_exception, frozenset({"request"})),
    (setting_changed, frozenset({"setting", "value", "enter"})),
    (connection_created, frozenset({"connection"})),
)
_OF_USERS: Mapping[str, frozenset[str]] = {
    "django.contrib.auth.signals.user_logged_in": frozenset({"request", "user"}),
    "django.contrib.auth.signals.user_logged_out": frozenset({"request", "user"}),
    "django.contrib.auth.signals.user_login_failed": frozenset({"credentials", "request"}),
}


def arguments_named(name: str) -> frozenset[str] | None:
    """The same by the name that records have of a signal."""
    return _OF_USERS.get(name) or next((names for each, names in _ARGUMENTS if signal_info(each).name == name), None)


def arguments_sent(signal: Signal, name: str) -> frozenset[str] | None:
    """The arguments that a signal of Django's is sent with, besides ``ALWAYS``; None for any other signal.

    ``name`` is the name of the signal: those of users are not imported, as they need the app.
    """
    known = next((names for each, names in _ARGUMENTS if each is signal), None)
    return _OF_USERS.get(name) if known is None else known
