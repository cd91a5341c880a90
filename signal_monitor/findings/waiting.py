"""What a slow receiver call was doing when its stack was sampled."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping

from signal_monitor.records import Frame, ReceiverCall, Wait

INNERMOST = 8
"""The frames of a stack, from its end, that tell what it waits for."""
WAITS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("/django/db/backends/", "/psycopg", "/sqlite3/", "/MySQLdb/", "/pymysql/"), "waiting for the database"),
    (("/smtplib.py",), "sending mail"),
    (("/subprocess.py",), "waiting for another program"),
    (
        ("/urllib3/", "/http/client.py", "/socket.py", "/ssl.py", "/httpx/", "/httpcore/", "/requests/"),
        "waiting for the network",
    ),
)
SAMPLED: Mapping[Wait, str] = {
    "sleep": "sleeping",
    "a subprocess": "waiting for another program",
    "a socket": "waiting for the network",
    "a thread": "waiting for another thread",
    "a future": "waiting for another thread",
}
"""How a wait is called that the samples have shown; the others by their names."""
THREADS = ("/threading.py", "/queue.py", "/concurrent/futures/")
QUERIES_SHARE = 0.5
SLEEP = "sleep("


def wait_of(call: ReceiverCall) -> str:
    """What it waited for, as a phrase such as "waiting for the network"; "" if neither stack nor queries tell."""
    if call.query_ns and call.duration_ns and call.query_ns / call.duration_ns >= QUERIES_SHARE:
        return "waiting for the database"
    return next(_phrases(call, call.slow_stack[-INNERMOST:]), "")


def _phrases(call: ReceiverCall, stack: tuple[Frame, ...]) -> Iterator[str]:
    if stack and SLEEP in linecache.getline(stack[-1].path, stack[-1].line):
        yield "sleeping"
    paths = [frame.path.replace("\\", "/") for frame in stack]
    for parts, phrase in WAITS:
        if any(part in path for path in paths for part in parts):
            yield phrase
    if call.slow_wait is not None:
        yield SAMPLED.get(call.slow_wait, f"waiting for {call.slow_wait}")
    if any(part in path for path in paths for part in THREADS):
        yield "waiting for another thread"
