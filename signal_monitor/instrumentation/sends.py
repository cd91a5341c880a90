"""``send`` and ``send_robust``: the hot path.

They are written out, not wrapped around Django's, so that one frame stands between the sender and a receiver, as with
Django's own. The first half of each follows a plan, the second is Django's own loop with a note before and after each
receiver: for what no plan is made for.

What looks clumsy in the first half was measured: ``benchmarks/overhead.py`` tells what a change of it costs. Nothing
here is a closure's variable, because that would slow every use down.
"""

from __future__ import annotations

from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.dispatch import dispatcher

from .asends import call_async, call_async_robust
from .cells import standing_cell
from .observation import UNOBSERVED, observe, orphaned
from .outbox import outbox
from .plans import DJANGOS_LIVE_RECEIVERS, Plan, Record, find_plan, stands_for
from .probes import probes
from .remarks import Remarks, ended, raised, swallowed

if TYPE_CHECKING:
    from .plans import ObservedSignal

    Responses = list[tuple[Any, Any]]

NO_RECEIVERS = dispatcher.NO_RECEIVERS
queue = outbox.items


def send(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or (plan := self.sender_receivers_cache.get(sender)) is NO_RECEIVERS:
        try:
            if not standing_cell().suppressed:
                self._signal_monitor.orphans += 1
        except AttributeError:  # it is None on a signal that was not seen before
            orphaned(self)
        return []
    if type(plan) is not Plan:
        plan = find_plan(self, sender)
    cell = standing_cell()
    receivers: list[Any] | None = None
    responses: Responses = []
    if plan is not None and cell.thread != get_ident():
        plan = None  # the cell is another thread's, or none: the general path finds the right one
    if plan is not None:
        shape, outer, trace_context = plan.shape, cell.top, probes.trace_context
        if type(self)._live_receivers is DJANGOS_LIVE_RECEIVERS and not self._dead_receivers:
            only = plan.only
            if only is not None and trace_context() is cell.untraced and (receiver := only()) is not None:
                record: Record = [shape, outer, 0, started := perf_counter()]
                try:
                    cell.top = record
                    responses = [(receiver, receiver(signal=self, sender=sender, **named))]
                    cell.top = outer
                except BaseException as error:
                    cell.top = outer
                    ended(record, cell, remarks=raised(record, error, 0))
                    raise
                record.append(now := perf_counter())
                if now - started >= shape.limit or cell.origin is not None:
                    ended(record, cell)
                elif len(queue) < outbox.size:
                    queue.append(record)
                else:
                    outbox.dropped += 1
                return responses
            if "signal" not in named:
                receivers = []
                for reference in plan.references:
                    receiver = reference()
                    if receiver is None:
                        receivers = None
                        break
                    receivers.append(receiver)
    if receivers is None:
        sync_receivers, async_receivers = self._live_receivers(sender)
        if plan is not None and not async_receivers and "signal" not in named and stands_for(plan, sync_receivers):
            receivers = sync_receivers
    if receivers is not None:
        if not receivers:
            shape.signal.orphans += 1
            return responses
        arguments = {"signal": self, "sender": sender, **named}
        trace = None if trace_context() is cell.untraced else probes.open_trace(shape, cell)
        record = [shape, outer, 0, started := perf_counter()]
        try:
            cell.top = record
            for receiver in receivers:
                if trace is not None:
                    trace.step(record)
                responses.append((receiver, receiver(**arguments)))
                record.append(now := perf_counter())
            cell.top = outer
            if trace is not None:
                trace.rest()
        except BaseException as error:
            cell.top = outer
            ended(record, cell, trace, raised(record, error, len(responses)))
            raise
        if trace is not None:
            record.append(trace)
        if now - started >= shape.limit or cell.origin is not None:
            ended(record, cell)
        elif len(queue) < outbox.size or (trace is not None and not trace.withhold()):
            queue.append(record)
        else:
            outbox.dropped += 1
        return responses
    observation = observe(self, sender, "send", sync_receivers, async_receivers) or UNOBSERVED
    try:
        for receiver in sync_receivers:
            observation.begin_next(receiver)
            response = receiver(signal=self, sender=sender, **named)
            responses.append((receiver, response))
        observation.returned()
        if async_receivers:
            responses.extend(async_to_sync(call_async)(self, observation, async_receivers, sender, named))
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.cell.top = observation.outer  # whatever else fails, as when no stack is left
        observation.finish()
    return responses


def send_robust(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or (plan := self.sender_receivers_cache.get(sender)) is NO_RECEIVERS:
        try:
            if not standing_cell().suppressed:
                self._signal_monitor.orphans += 1
        except AttributeError:  # it is None on a signal that was not seen before
            orphaned(self)
        return []
    if type(plan) is not Plan:
        plan = find_plan(self, sender)
    cell = standing_cell()
    receivers: list[Any] | None = None
    responses: Responses = []
    if plan is not None and cell.thread != get_ident():
        plan = None  # the cell is another thread's, or none: the general path finds the right one
    if plan is not None:
        shape, outer, trace_context = plan.robust, cell.top, probes.trace_context
        if type(self)._live_receivers is DJANGOS_LIVE_RECEIVERS and not self._dead_receivers and "signal" not in named:
            receivers = []
            for reference in plan.references:
                receiver = reference()
                if receiver is None:
                    receivers = None
                    break
                receivers.append(receiver)
    if receivers is None:
        sync_receivers, async_receivers = self._live_receivers(sender)
        if plan is not None and not async_receivers and "signal" not in named and stands_for(plan, sync_receivers):
            receivers = sync_receivers
    if receivers is not None:
        if not receivers:
            shape.signal.orphans += 1
            return responses
        arguments = {"signal": self, "sender": sender, **named}
        trace = None if trace_context() is cell.untraced else probes.open_trace(shape, cell)
        record: Record = [shape, outer, 0, started := perf_counter()]
        remarks: Remarks | None = None
        try:
            cell.top = record
            for receiver in receivers:
                if trace is not None:
                    trace.step(record)
                try:
                    response = receiver(**arguments)
                except Exception as err:  # noqa: BLE001 - Django's own: a robust send answers the error
                    remarks = swallowed(record, err, remarks)
                    self._log_robust_failure(receiver, err)
                    responses.append((receiver, err))
                else:
                    responses.append((receiver, response))
                    record.append(perf_counter())
            cell.top = outer
            if trace is not None:
                trace.rest()
        except BaseException as error:
            cell.top = outer
            ended(record, cell, trace, raised(record, error, len(responses), remarks))
            raise
        slow = record[-1] - started >= shape.limit
        if trace is not None:
            record.append(trace)
        if slow or remarks is not None or cell.origin is not None:
            ended(record, cell, remarks=remarks)
        elif len(queue) < outbox.size or (trace is not None and not trace.withhold()):
            queue.append(record)
        else:
            outbox.dropped += 1
        return responses
    observation = observe(self, sender, "send_robust", sync_receivers, async_receivers) or UNOBSERVED
    try:
        for receiver in sync_receivers:
            observation.begin_next(receiver)
            try:
                response = receiver(signal=self, sender=sender, **named)
            except Exception as err:  # noqa: BLE001 - Django's own
                observation.swallow(err)
                self._log_robust_failure(receiver, err)
                responses.append((receiver, err))
            else:
                responses.append((receiver, response))
        observation.returned()
        if async_receivers:
            responses.extend(async_to_sync(call_async_robust)(self, observation, async_receivers, sender, named))
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.cell.top = observation.outer  # whatever else fails, as when no stack is left
        observation.finish()
    return responses
