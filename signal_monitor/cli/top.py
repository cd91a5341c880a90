"""``signals top``: what runs now in any process of this host, and what has cost most of late."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass

from signal_monitor.cli import timeline
from signal_monitor.cli.base import OK, Options, Subcommand
from signal_monitor.cli.numbers import positive
from signal_monitor.cli.output import Block, Cell, Output, Table
from signal_monitor.cli.places import place
from signal_monitor.cli.reading import store_to_read
from signal_monitor.cli.screen import draw_screen, repeat, whole_terminal
from signal_monitor.cli.timeline import Json
from signal_monitor.cli.totals import totals_block
from signal_monitor.dashboard.formatting import duration, rate, span
from signal_monitor.dashboard.processes import (
    ProcessState,
    Running,
    dispatch_rate,
    dropped,
    processes,
    running,
)
from signal_monitor.dashboard.serializers import running_json, totals_json
from signal_monitor.dashboard.stacks import own_frame
from signal_monitor.findings.wording import plural
from signal_monitor.stores.base import Store, Totals

MOST_RECEIVERS = 40
PROCESS_FIELDS = (
    "id",
    "pid",
    "host",
    "title",
    "started_at",
    "seen_at",
    "rate",
    "dispatches",
    "queue_length",
    "dropped",
)


@dataclass(frozen=True)
class Picture:
    """What is shown at one moment."""

    now: float
    minutes: float
    alive: Sequence[ProcessState]
    running: Sequence[Running]
    receivers: Sequence[Totals]
    dropped: int


class Top(Subcommand):
    """Draws a picture every interval: at a terminal in place, in a pipe one below the other."""

    name = "top"
    help = "Show live which receivers run now, in any process of this host, and which took most time of late."
    examples = ("top", "top --once", "top --interval 1 --minutes 15", "top --once --format json")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="print one picture, and end")
        parser.add_argument("--interval", type=positive, default=2.0, help="seconds between two pictures (2)")
        parser.add_argument(
            "--minutes", type=positive, default=5.0, help="the time over which receivers are added up (5)"
        )

    def handle(self, options: Options, out: Output) -> int:
        store, minutes = store_to_read(), options["minutes"]
        if options["once"]:
            _print(take(store, minutes), out)
            return OK
        if out.as_json or not out.is_live:
            repeat(lambda: _print(take(store, minutes), out, as_line=True), options["interval"])
        with whole_terminal(out):
            repeat(lambda: draw_screen(blocks_of(take(store, minutes)), out), options["interval"])
        return OK


def take(store: Store, minutes: float) -> Picture:
    """The picture of this moment."""
    states = processes(store)
    return Picture(
        now=time.time(),
        minutes=minutes,
        alive=[state for state in states if not state.gone],
        running=[row for row in running(states) if not row.gone],
        receivers=timeline.slowest_receivers(store, minutes)[:MOST_RECEIVERS],
        dropped=sum(dropped(states).values()),
    )


def _print(picture: Picture, out: Output, *, as_line: bool = False) -> None:
    if out.as_json:
        (out.json_line if as_line else out.json)(picture_json(picture))
    else:
        out.blocks(blocks_of(picture))


def picture_json(picture: Picture) -> Json:
    """A picture as JSON."""
    return {
        "at": picture.now,
        "minutes": picture.minutes,
        "processes": [_process_json(state) for state in picture.alive],
        "running": [running_json(row) for row in picture.running],
        "receivers": [totals_json(row) for row in picture.receivers],
        "dropped": picture.dropped,
    }


def _process_json(state: ProcessState) -> Json:
    return {name: getattr(state.process, name) for name in PROCESS_FIELDS}


def blocks_of(picture: Picture) -> list[Block]:
    """A picture as text: the sums, the calls that run, the processes, and the receivers."""
    now = time.strftime("%H:%M:%S", time.localtime(picture.now))
    facts = (
        plural(len(picture.alive), "process", "processes"),
        f"{rate(dispatch_rate(picture.alive))} dispatches/s",
        f"{plural(len(picture.running), 'call')} running",
        f"{picture.dropped:,} records dropped" if picture.dropped else "",
    )
    head: list[Block] = [[Cell(f"signals {now}", "bold"), "  ", ", ".join(filter(None, facts))], [""]]
    return [*head, *_running_blocks(picture), *_process_blocks(picture), *_receiver_blocks(picture)]


def _running_blocks(picture: Picture) -> list[Block]:
    if not picture.running:
        return []
    rows = [_running_row(row) for row in picture.running]
    return [Table(("running for", "receiver", "at", "sent by", "pid", ""), rows, right=(0, 4)), [""]]


def _running_row(row: Running) -> list[Cell | str]:
    call, frame = row.call, own_frame(row.call.stack)
    origin = f"{call.origin_kind} {call.origin_id}" if call.origin_id else ""
    return [
        Cell(duration(row.running_ns), "warn" if call.severity != "normal" else "good"),
        Cell(call.receiver, "bold"),
        place(frame.path, frame.line) if frame is not None else "",
        call.signal,
        str(row.state.process.pid),
        Cell(origin or row.state.process.title, "muted"),
    ]


def _receiver_blocks(picture: Picture) -> list[Block]:
    period = span(picture.minutes * 60)
    if not picture.receivers:
        return [[Cell(f"No receiver has run in the last {period}.", "muted")], [""]]
    return [
        [Cell(f"receivers in the last {period}, most own time first", "muted")],
        totals_block(picture.receivers),
        [""],
    ]


def _process_blocks(picture: Picture) -> list[Block]:
    if not picture.alive:
        return [[Cell("No process reports. Start the site, for example with `manage.py runserver`.", "warn")], [""]]
    rows: list[list[Cell | str]] = [
        [
            str(state.process.pid),
            state.process.title,
            span(state.up_seconds),
            rate(state.process.rate),
            f"{state.process.dispatches:,}",
        ]
        for state in picture.alive
    ]
    return [Table(("pid", "process", "up", "dispatches/s", "dispatches"), rows, right=(0, 2, 3, 4)), [""]]
