"""What coding agents may ask: read-only tools of the Model Context Protocol, by its SDK (the extra ``mcp``)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandError

from signal_monitor import __version__
from signal_monitor.cli import connected, timeline
from signal_monitor.cli.base import failure
from signal_monitor.cli.doctor import all_findings
from signal_monitor.cli.listing import select
from signal_monitor.cli.model import model_json
from signal_monitor.cli.names import matching, unknown
from signal_monitor.cli.reading import NOTHING_YET, store_to_read
from signal_monitor.cli.timeline import Json
from signal_monitor.dashboard.serializers import call_json, finding_json, request_json, totals_json
from signal_monitor.finding import LEVELS
from signal_monitor.pipeline.suppression import suppressed
from signal_monitor.stores.base import StoreError

INSTRUCTIONS = (
    "Observations of a Django project's signals. `findings` says what is wrong and what to do; begin there. "
    "`registry` and `receivers_of_model` say what is connected, in this process. The other tools read what the "
    "project's processes have recorded. Durations are in milliseconds, times in seconds since the epoch. "
    "Nothing can be changed."
)
MOST_ROWS = 200


def findings(level: str = "hint", minutes: float | None = None) -> Json:
    """What is wrong with the project's signals, the worst first: each with its reason, its remedy and its line.

    `level` is the least one to report: "error", "warning" or "hint". With `minutes`, only what the last ones show.
    """
    if level not in LEVELS:
        raise failure(f"There is no level {level!r}: it is one of {', '.join(LEVELS)}.")
    wanted = LEVELS[: LEVELS.index(level) + 1]
    return {"findings": [finding_json(each) for each in all_findings(minutes) if each.level in wanted]}


def receivers_of_model(model: str) -> Json:
    """Which receivers run, and in which order, when an object of a model ("shop.Order") is made, saved or deleted."""
    return model_json(model, connected.connected_signals())


def registry(signal: str = "", receiver: str = "", app: str = "") -> Json:
    """The signals with their receivers, in the order of the calls; only those with these parts in their names."""
    wanted = {"signal": signal, "receiver": receiver, "app": app}
    shown = select(connected.connected_signals(), wanted)
    return {"signals": [connected.signal_json(each) for each in shown]}


def slowest_receivers(minutes: float | None = None, limit: int = 20) -> Json:
    """The receivers that took most time: over the last `minutes`, or all that is stored."""
    rows = timeline.slowest_receivers(store_to_read(), minutes)
    return {"receivers": [totals_json(row) for row in rows[: _at_most(limit)]]}


def slow_requests(limit: int = 10, path: str = "") -> Json:
    """The stored requests that took most time in receivers; with `path`, those with it in their path."""
    rows = store_to_read().requests(MOST_ROWS * 5, path=path)
    slowest = sorted(rows, key=lambda row: -row.receivers_ns)[: _at_most(limit)]
    return {"requests": [{**request_json(row), "verdict": timeline.verdict_of(row)} for row in slowest]}


def request_timeline(request_id: str) -> Json:
    """One request: its verdict, its receivers, and its dispatches with their receiver calls in the order of time."""
    store = store_to_read()
    request = timeline.find_request(store, request_id)
    if request is None:
        raise failure(f"There is no request {request_id!r}; `slow_requests` lists some. Old ones are deleted.")
    return timeline.request_facts_json(request, timeline.dispatches_of(store, request))


def receiver_failures(receiver: str) -> Json:
    """The last failed calls of a receiver, with their exceptions and tracebacks, and how often it has failed."""
    store = store_to_read()
    known = timeline.receivers_in_store(store)
    names = matching(receiver, known)
    if not names:
        remedy = "`slowest_receivers` lists some of those that have." if known else NOTHING_YET
        raise unknown("receiver that has run", receiver, known, remedy)
    facts = [timeline.receiver_facts(store, name) for name in names[:MOST_ROWS]]
    return {
        "receivers": [
            {
                **totals_json(each.totals),
                "last_failed": [
                    {
                        "dispatch": row.id,
                        "signal": row.signal,
                        "sender": row.sender,
                        "at": row.started_at,
                        **call_json(call),
                    }
                    for row, call in each.failed
                ],
            }
            for each in facts
        ]
    }


def dispatch(dispatch_id: str) -> Json:
    """One dispatch: where it was sent, its receiver calls, and the dispatches around and inside it."""
    store = store_to_read()
    found = store.dispatch(dispatch_id)
    if found is None:
        raise failure(f"There is no dispatch {dispatch_id!r}. Old ones are deleted.")
    return timeline.dispatch_facts_json(found, store.tree(found.root_id, timeline.MOST_DISPATCHES))


TOOLS: Sequence[Callable[..., Json]] = (
    findings,
    registry,
    receivers_of_model,
    slowest_receivers,
    slow_requests,
    request_timeline,
    receiver_failures,
    dispatch,
)


def _at_most(limit: int) -> int:
    return max(1, min(limit, MOST_ROWS))


def serve() -> None:
    """Answer on standard input and output until the client closes them. ImportError if the SDK is not installed."""
    build_server().run("stdio")


def build_server() -> Any:  # noqa: ANN401 - the SDK is optional
    """A server with the tools."""
    from mcp.server.mcpserver import MCPServer
    from mcp.types import ToolAnnotations

    server = MCPServer("django-signal-monitor", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in TOOLS:
        annotations = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
        server.add_tool(_answering(tool), annotations=annotations)
    return server


def _answering(tool: Callable[..., Json]) -> Callable[..., Json]:
    """A tool whose errors are told to the agent; its own work is not observed."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    def answer(*args: Any, **kwargs: Any) -> Json:  # noqa: ANN401
        try:
            with suppressed():
                return tool(*args, **kwargs)
        except (CommandError, StoreError) as error:
            raise ToolError(str(error)) from error

    return answer
