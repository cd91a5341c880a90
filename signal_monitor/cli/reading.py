"""The store, for subcommands that read what others have recorded."""

from __future__ import annotations

from signal_monitor.cli.base import failure
from signal_monitor.conf import get_config
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Store
from signal_monitor.stores.sqlite.location import find_path

NOTHING_YET = "Start the site, for example with `manage.py runserver`, use it, and try again."
LIST_ALL = "Run `manage.py signals list` for all receivers, or `manage.py signals tail` for the ids of dispatches."


def why_nothing_is_stored() -> str:
    """Why there is no store to read, and what to do; empty if there is one. No file is created."""
    config = get_config()
    if config.STORE == "memory":
        return (
            'SIGNAL_MONITOR["STORE"] is "memory": each process keeps its records to itself. '
            'Set it to "sqlite", and start the site again.'
        )
    path = find_path(config.STORE)
    if path.exists():
        return ""
    if not config.ENABLED:
        return 'SIGNAL_MONITOR["ENABLED"] is False: nothing is recorded. Set it to True, and start the site again.'
    return f"Nothing is recorded yet: there is no {path}. {NOTHING_YET}"


def store_to_read() -> Store:
    """The store of the project; an error that says what to do if nothing was recorded."""
    if reason := why_nothing_is_stored():
        raise failure(reason)
    return get_store()
