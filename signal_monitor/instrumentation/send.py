"""``send`` and ``send_robust``: the hot path.

They are written out, not wrapped around Django's, so that one frame stands between the sender and a receiver, as with
Django's own. ``benchmarks/overhead.py`` measures what a change costs. Nothing here is a closure's variable, because
that would slow every use down.
"""

from __future__ import annotations

from threading import get_ident
from time import perf_counter
from typing import Any

from asgiref.sync import async_to_sync
from django.dispatch import dispatcher

from .asend import call_async, call_async_robust
from .current import LogHandlers, get_state
from .django_versions import DJANGOS_LIVE_RECEIVERS
from .hooks import hooks
from .plans import UNOBSERVED, ObservedSignal, Plan, each_noted, find_info, find_plan
from .record import begin_concurrent_calls
from .record_queue import record_queue
from .recorder import count_orphan, end, end_alike, fail, fail_alike, open_spans, resume, swallow
from .thread_state import current_state

Responses = list[tuple[Any, Any]]
NO_RECEIVERS = dispatcher.NO_RECEIVERS
queue = record_queue.items


def send(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or (plan := self.sender_receivers_cache.get(sender)) is NO_RECEIVERS:
        try:
            if not get_state().suppressed:
                self._signal_monitor.orphans += 1
        except AttributeError:  # it was not seen before, or it is to be looked at again
            count_orphan(self, sender)
        return []
    receivers: Any = None
    async_receivers: Any = None
    try:
        if (
            type(self)._live_receivers is DJANGOS_LIVE_RECEIVERS
            and "_live_receivers" not in self.__dict__
            and not self._dead_receivers
        ):
            if type(plan) is not Plan or not self.use_caching:
                plan = find_plan(self, sender, plan)
                if plan is not None and not plan.references:
                    if not get_state().suppressed:
                        plan.send_info.signal.orphans += 1
                    return []
            if plan is not None:
                info = plan.send_info
                receivers = []
                for reference in plan.references:
                    receiver = reference()
                    if receiver is None:
                        receivers = None
                        break
                    receivers.append(receiver)
                plan = None
    except AttributeError:  # a subclass that does without Signal.__init__, or no Signal at all
        receivers = None
    if receivers is None:
        receivers, async_receivers = self._live_receivers(sender)
        info = find_info(self, sender, "send", receivers, async_receivers)
        if type(receivers) is not list or type(async_receivers) is not list:
            receivers = each_noted(receivers, info, are_async=False)
    state = get_state()
    if state.thread != get_ident():
        state = current_state()
        if state.suppressed:
            info = UNOBSERVED
    spans = None if hooks.trace_context() is state.untraced else open_spans(info, state)
    outer = state.top
    responses: Responses = []
    arguments = info.read_arguments(named) if info.read_arguments is not None else None
    record = [info, outer, None, spans, None, None, arguments, None, started := perf_counter()]
    now = started
    try:
        state.top = record
        for receiver in receivers:
            if spans is not None:
                spans.enter(record)
            responses.append((receiver, receiver(signal=self, sender=sender, **named)))
            record.append(now := perf_counter())
        state.top = outer
        if spans is not None:
            spans.restore()
        if async_receivers:
            begin_concurrent_calls(record, len(async_receivers) if type(async_receivers) is list else 0)
            responses.extend(async_to_sync(call_async)(self, record, state, async_receivers, sender, named))
    except BaseException as error:
        state.top = outer
        if not fail_alike(record, error, len(responses), state):
            fail(record, error, len(responses))
            end(record, state)
        # Debug pages show local variables, and a record has those around it: it would be shown at each level in full.
        del arguments, info, outer, plan, record, spans, state
        raise
    if (
        now - started < info.capture_from
        and state.origin is None
        and not async_receivers
        and (spans is None or spans.unreferenced)
        and len(queue) < record_queue.size
    ):
        queue.append(record)
    else:
        end(record, state)
    return responses


def send_robust(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or (plan := self.sender_receivers_cache.get(sender)) is NO_RECEIVERS:
        try:
            if not get_state().suppressed:
                self._signal_monitor.orphans += 1
        except AttributeError:  # it was not seen before, or it is to be looked at again
            count_orphan(self, sender)
        return []
    receivers: Any = None
    async_receivers: Any = None
    try:
        if (
            type(self)._live_receivers is DJANGOS_LIVE_RECEIVERS
            and "_live_receivers" not in self.__dict__
            and not self._dead_receivers
        ):
            if type(plan) is not Plan or not self.use_caching:
                plan = find_plan(self, sender, plan)
                if plan is not None and not plan.references:
                    if not get_state().suppressed:
                        plan.send_info.signal.orphans += 1
                    return []
            if plan is not None:
                info = plan.send_robust_info or plan.make_send_robust_info()
                receivers = []
                for reference in plan.references:
                    receiver = reference()
                    if receiver is None:
                        receivers = None
                        break
                    receivers.append(receiver)
                plan = None
    except AttributeError:  # a subclass that does without Signal.__init__, or no Signal at all
        receivers = None
    if receivers is None:
        receivers, async_receivers = self._live_receivers(sender)
        info = find_info(self, sender, "send_robust", receivers, async_receivers)
        if type(receivers) is not list or type(async_receivers) is not list:
            receivers = each_noted(receivers, info, are_async=False)
    state = get_state()
    if state.thread != get_ident():
        state = current_state()
        if state.suppressed:
            info = UNOBSERVED
    spans = None if hooks.trace_context() is state.untraced else open_spans(info, state)
    outer = state.top
    responses: Responses = []
    failed = False
    arguments = info.read_arguments(named) if info.read_arguments is not None else None
    record = [info, outer, None, spans, None, None, arguments, None, started := perf_counter()]
    now = started
    try:
        state.top = record
        for receiver in receivers:
            if spans is not None:
                spans.enter(record)
            try:
                response = receiver(signal=self, sender=sender, **named)
            except Exception as err:  # noqa: BLE001 - Django's own: a robust send returns the error
                failed = True
                swallow(record, err)
                # What the log handlers do is nobody's receiver call.
                state.top = LogHandlers(record, len(responses), outer)
                if spans is not None:
                    spans.restore()
                self._log_robust_failure(receiver, err)
                responses.append((receiver, err))
                resume(record)
                state.top = record
            else:
                responses.append((receiver, response))
                record.append(now := perf_counter())
        state.top = outer
        if spans is not None:
            spans.restore()
        if async_receivers:
            begin_concurrent_calls(record, len(async_receivers) if type(async_receivers) is list else 0)
            responses.extend(async_to_sync(call_async_robust)(self, record, state, async_receivers, sender, named))
    except BaseException as error:
        state.top = outer
        fail(record, error, len(responses))
        end(record, state)
        del arguments, info, outer, plan, record, spans, state  # as in send()
        raise
    if (
        now - started < info.capture_from
        and not failed
        and state.origin is None
        and not async_receivers
        and (spans is None or spans.unreferenced)
        and len(queue) < record_queue.size
    ):
        queue.append(record)
    elif not (failed and end_alike(record, state)):
        end(record, state)
    return responses
