"""Whether this process can run a thread of its own."""

from __future__ import annotations

import sys

NO_THREAD = "a thread could not be started"
UWSGI = "uWSGI runs without threads; start it with --enable-threads"


def why_no_threads() -> str:
    """Why threads would not run in this process; empty where they do.

    Without threads, uWSGI holds Python's lock between requests: a thread would stop anywhere, with its locks held.
    """
    uwsgi = sys.modules.get("uwsgi")
    options = getattr(uwsgi, "opt", None)
    if not isinstance(options, dict):
        return ""
    has_threads = getattr(uwsgi, "has_threads", None)
    if has_threads is None:
        has_threads = "enable-threads" in options or "threads" in options
    return "" if has_threads else UWSGI
