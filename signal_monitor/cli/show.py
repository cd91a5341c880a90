"""``signals show``: one dispatch, request or receiver."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

from signal_monitor.cli import connected, timeline
from signal_monitor.cli.base import OK, Options, Subcommand
from signal_monitor.cli.doctor import STYLES, all_findings
from signal_monitor.cli.names import matching, unknown
from signal_monitor.cli.output import Cell, Output, Style
from signal_monitor.cli.places import place
from signal_monitor.cli.reading import LIST_ALL, store_to_read, why_nothing_is_stored
from signal_monitor.cli.totals import totals_table
from signal_monitor.cli.wording import call_label, own_errors, style_of
from signal_monitor.dashboard.formatting import age, duration, moment, share
from signal_monitor.dashboard.serializers import finding_json
from signal_monitor.dashboard.waterfall import Waterfall, WaterfallRow, request_waterfall, waterfall
from signal_monitor.finding import Finding
from signal_monitor.findings.wording import plural
from signal_monitor.records import Dispatch, Failure, ReceiverCall, Request
from signal_monitor.stores.base import Store

BAR_WIDTH = 24
FULL_WIDTH = 1000


class Show(Subcommand):
    """Prints a dispatch or a request as a timeline, or what is known of a receiver."""

    name = "show"
    help = "Show a dispatch or a request as a timeline, or what is known of a receiver."
    examples = ("show a5d03e2d-44f", "show shop.receivers.send_mail", "show send_mail")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", help="the id of a dispatch or a request, or the name of a receiver, or its end")

    def handle(self, options: Options, out: Output) -> int:
        wanted = options["what"]
        store = None if why_nothing_is_stored() else store_to_read()
        if store is not None and (request := timeline.find_request(store, wanted)) is not None:
            show_request(store, request, out)
        elif store is not None and (dispatch := store.dispatch(wanted)) is not None:
            show_dispatch(store, dispatch, out)
        else:
            show_receivers(store, wanted, out)
        return OK


def show_request(store: Store, request: Request, out: Output) -> None:
    """Print a request: its verdict, its timeline, and its receivers."""
    dispatches = timeline.dispatches_of(store, request)
    if out.as_json:
        out.json(timeline.request_facts_json(request, dispatches))
        return
    status = "running" if request.running else str(request.status or "no response")
    out.line(Cell(f"{request.method} {request.path}", "bold"), f"  {status}  ", duration(request.duration_ns))
    out.line(timeline.verdict_of(request))
    spent = f"{duration(request.receivers_ns)} in receivers ({share(request.receivers_share)})"
    facts = (
        request.view or "",
        moment(request.started_at),
        spent,
        plural(request.dispatch_count, "dispatch", "dispatches"),
    )
    out.line(Cell(", ".join(filter(None, facts)), "muted"))
    _print_failure(request.failure, out)
    out.line()
    _print_waterfall(request_waterfall(request, dispatches), out)
    if left_out := max(0, request.dispatch_count - len(dispatches)):
        out.line(Cell(f"{plural(left_out, 'more dispatch', 'more dispatches')} of it not stored one by one.", "muted"))
    if request.receivers:
        out.line()
        _print_sums(request, out)


def _print_sums(request: Request, out: Output) -> None:
    rows = [
        [row.receiver, f"{row.calls:,}", duration(row.self_ns), share(request.share_of(row.self_ns)), f"{row.failed:,}"]
        for row in request.receivers
    ]
    out.table(("receiver", "calls", "own time", "of request", "failed"), rows, right=(1, 2, 3, 4))


def show_dispatch(store: Store, dispatch: Dispatch, out: Output) -> None:
    """Print a dispatch: where it was sent, its timeline, and its exceptions."""
    tree = store.tree(dispatch.root_id, timeline.MOST_DISPATCHES)
    if out.as_json:
        out.json(timeline.dispatch_facts_json(dispatch, tree))
        return
    out.line(Cell(dispatch.signal, "bold"), f"  {dispatch.method}()  from {dispatch.sender}")
    site = dispatch.call_site
    facts = (
        moment(dispatch.started_at),
        duration(dispatch.duration_ns),
        f"sent in {place(site.path, site.line)}" if site else "",
        f"{dispatch.origin_kind} {dispatch.origin_id}" if dispatch.origin_id else "",
        "in a transaction" if dispatch.in_transaction else "",
        "blocked the event loop" if dispatch.blocked_loop else "",
    )
    out.line(Cell(", ".join(filter(None, facts)), "muted"))
    out.line()
    _print_waterfall(waterfall(tree or [dispatch]), out)
    for call in dispatch.calls:
        if call.failure is not None or call.slow_line is not None:
            _print_call(call, out)
    _print_failure(dispatch.own_failure, out)


def _print_call(call: ReceiverCall, out: Output) -> None:
    out.line()
    out.line(Cell(call.receiver, "bold"), f"  {call.outcome}  {place(call.path, call.line)}")
    if call.slow_line is not None:
        line = call.slow_line
        out.line("  ", f"slow: seen in {line.function} at {place(line.path, line.line)}")
    _print_failure(call.failure, out)


def _print_failure(failure: Failure | None, out: Output) -> None:
    if failure is None:
        return
    for frame in failure.traceback:
        out.line("  ", f"{place(frame.path, frame.line)} in {frame.function}")
    out.line("  ", Cell(failure.summary, "bad"))


def _print_waterfall(shown: Waterfall, out: Output) -> None:
    rows = [list(_waterfall_row(row, shown.like_this)) for row in shown.rows]
    if rows:
        out.table(("after", "duration", "", "", ""), rows, right=(0, 1))
    if shown.left_out:
        out.line(Cell(f"{shown.left_out:,} more rows", "muted"))


def _waterfall_row(row: WaterfallRow, like_this: str) -> Iterator[Cell | str]:
    yield duration(row.offset_ns)
    yield duration(row.duration_ns)
    style = style_of(row.outcome, row.severity)
    yield Cell(_bar(row), style or "muted")
    indent = "  " * row.indent
    if row.alike:
        yield Cell(f"{indent}and {row.alike:,} {like_this}", "muted")
        yield ""
    elif row.call is not None:
        yield Cell(f"{indent}{row.call.receiver}", style)
        yield Cell(call_label(row.call), style)
    else:
        yield Cell(f"{indent}{row.dispatch.method} {row.dispatch.signal}", "bold")
        yield Cell(row.dispatch.id, "muted")


def _bar(row: WaterfallRow) -> str:
    start = min(BAR_WIDTH - 1, int(row.x / FULL_WIDTH * BAR_WIDTH))
    length = max(1, min(BAR_WIDTH - start, round(row.width / FULL_WIDTH * BAR_WIDTH)))
    return f"{'.' * start}{'#' * length}{'.' * (BAR_WIDTH - start - length)}"


def show_receivers(store: Store | None, wanted: str, out: Output) -> None:
    """Print the receivers that a name stands for; an error if there is none."""
    signals = connected.connected_signals()
    known = [*connected.receiver_names(signals), *(timeline.receivers_in_store(store) if store is not None else ())]
    names = matching(wanted, known)
    if not names:
        raise unknown("dispatch, request or receiver", wanted, known, why_nothing_is_stored() or LIST_ALL)
    found = [each for each in connected.all_connections(signals) if each.name in names]
    facts = [timeline.receiver_facts(store, name) for name in names] if store is not None else []
    if out.as_json:
        rows = [timeline.receiver_facts_json(store, each) for each in facts] if store is not None else []
        here = [{"signal": each.signal_name, **connected.connection_json(each)} for each in found]
        told = [finding_json(each) for each in _findings_about(names)]
        out.json({"receivers": rows or [{"name": name} for name in names], "connections": here, "findings": told})
        return
    for number, name in enumerate(names):
        if number:
            out.line()
        out.line(Cell(name, "bold"))
        rows_here = [connected.row(each, signal=True) for each in found if each.name == name]
        out.table(("signal", "receiver", "sender", "", ""), rows_here, indent=2) if rows_here else out.line(
            "  ", Cell("It is not connected in this process.", "warn")
        )
    for each in facts:
        _print_facts(each, out, several=len(facts) > 1)
    for finding in _findings_about(names):
        out.line()
        out.line(Cell(f"{finding.level} {finding.code}", STYLES[finding.level]), f"  {finding.message}")
    if store is None:
        out.line(Cell(why_nothing_is_stored(), "muted"))


def _findings_about(names: Sequence[str]) -> list[Finding]:
    return [finding for finding in all_findings(None) if finding.subject in names]


def _print_facts(facts: timeline.ReceiverFacts, out: Output, *, several: bool) -> None:
    out.line()
    if not facts.totals.count and not facts.recent:
        name = f"{facts.name}: " if several else ""
        out.line(Cell(f"{name}No call of it is stored.", "muted"))
        return
    totals_table([facts.totals], out)
    _print_last("last slow calls", facts.slow, out)
    _print_last("last failed calls", facts.failed, out)


def _print_last(title: str, calls: Sequence[tuple[Dispatch, ReceiverCall]], out: Output) -> None:
    if not calls:
        return
    now = time.time()
    style: Style = "warn"
    rows: list[list[Cell | str]] = [
        [
            age(dispatch.started_at, now),
            duration(call.duration_ns),
            dispatch.signal,
            Cell(own_errors(call), style),
            Cell(dispatch.id, "muted"),
        ]
        for dispatch, call in calls
    ]
    out.line()
    out.table((title, "duration", "signal", "", "dispatch"), rows, right=(1,))
