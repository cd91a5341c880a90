"""The page of one request."""

from __future__ import annotations

from operator import attrgetter

from django import forms

from signal_monitor.conf import get_config
from signal_monitor.dashboard.fields import MAX_TEXT_LENGTH, PageForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, NotStored, Page, Params
from signal_monitor.dashboard.processes import RunningRequest, processes, running_requests
from signal_monitor.dashboard.serializers import Json, dispatch_json, lock_wait_json, receiver_sum_json, request_json
from signal_monitor.dashboard.verdicts import judge_request
from signal_monitor.dashboard.view_times import GUILTY_SHARE
from signal_monitor.dashboard.waterfall import request_waterfall
from signal_monitor.database.locks import lock_waits
from signal_monitor.database_records import LockWait
from signal_monitor.records import Request
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter

MAX_HOLDERS = 200
"""Requests that are looked at for one that held a lock."""


class RequestForm(PageForm):
    """The id."""

    request_id = forms.CharField(max_length=MAX_TEXT_LENGTH)


class RequestPage(Page):
    """A request and those of its dispatches that are stored."""

    name = "request"
    route = "requests/<str:request_id>/"
    title = "Request"
    section = "requests"
    form = RequestForm
    parts = ("request",)

    def fetch(self, store: Store, params: Params) -> Context:
        found = find_request(store, params.get("request_id", ""))
        if found is None:
            raise NotStored("request")
        record = found.request
        dispatches = store.dispatches(DispatchFilter(origin_id=record.id), LIST_ROWS)
        # Not "request": Django's context processors set that.
        shown = sorted(dispatches, key=attrgetter("started_at", "depth"))
        return {
            "record": record,
            "gone": found.gone,
            "dispatches": shown,
            "waterfall": request_waterfall(record, shown),
            "waits": waits_of(store, record),
            "verdict": judge_request(record, get_config().request_slow_ns),
            "waiting_share": min(1.0 - record.receivers_share, record.share_of(record.waiting_ns)),
            "rest_ns": max(0, record.duration_ns - record.receivers_ns - record.waiting_ns),
            "is_guilty": record.receivers_share >= GUILTY_SHARE,
        }

    def as_json(self, context: Context) -> Json:
        record, dispatches = context["record"], [dispatch_json(row) for row in context["dispatches"]]
        return {
            **request_json(record),
            "verdict": context["verdict"].heading,
            "process_gone": context["gone"],
            "receivers": [receiver_sum_json(row, record) for row in record.receivers],
            "dispatches_shown": len(dispatches),
            "dispatches_left_out": max(0, record.dispatch_count - len(dispatches)),
            "dispatches": dispatches,
            "waits": [lock_wait_json(wait) for wait in context["waits"]],
        }


def waits_of(store: Store, record: Request) -> list[LockWait]:
    """The statements of a request that may have waited for another one's lock."""
    if not record.statements:
        return []
    ended_at = record.started_at + record.duration_ns / 1e9
    return lock_waits(record, store.requests(MAX_HOLDERS, before=ended_at))


def find_request(store: Store, request_id: str) -> RunningRequest | None:
    """A request that has ended, or one that is running."""
    ended = store.request(request_id)
    if ended is not None:
        return RunningRequest(ended, gone=False)
    return next((row for row in running_requests(processes(store)) if row.request.id == request_id), None)
