"""The page that says what runs when an object of a model is created, saved, deleted or related to others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django import forms
from django.db.models import Model

from signal_monitor import names
from signal_monitor.dashboard.connected import SignalRow, sent_signals, sources
from signal_monitor.dashboard.fields import MAX_NAME_LENGTH, ChoiceField, PageForm
from signal_monitor.dashboard.fired import Fired, FiredSignal, fired
from signal_monitor.dashboard.fires import SeenCalls, seen_json, typical_json
from signal_monitor.dashboard.models import ASKED, all_labels, model_labelled, model_labels
from signal_monitor.dashboard.pages.base import Context, Page, Params
from signal_monitor.dashboard.pages.signals import connection_json
from signal_monitor.dashboard.serializers import Json, frames_json
from signal_monitor.dashboard.similar import similar
from signal_monitor.instrumentation.info import signal_info
from signal_monitor.registry.model_steps import ACTIONS, Action, Send, model_steps, options_of
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import EXACT, DispatchFilter

DEFAULT_ACTION: Action = "saved"
MOST_SITES = 3
DJANGOS = "django.db.models.signals."


class ModelField(forms.CharField):
    """The label of a model."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=MAX_NAME_LENGTH)

    def clean(self, value: object) -> str:
        """The label as the model has it; an error with the labels like it."""
        label = str(super().clean(value))
        model = model_labelled(label) if label else None
        if label and model is None:
            alike = similar(label, all_labels())
            meant = f" Did you mean {' or '.join(alike)}?" if alike else " Name it as app_label.Model."
            raise forms.ValidationError(f"There is no model {label}.{meant}", code="invalid")
        return options_of(model).label if model is not None else ""


class FiresForm(PageForm):
    """The model, and what is done with an object of it."""

    model = ModelField()
    action = ChoiceField([(action, ASKED[action]) for action in ACTIONS])


@dataclass(frozen=True)
class FiredStep:
    """A step in the life of an object, with what is sent in it, in order."""

    when: str
    signals: Sequence[FiredSignal]


class FiresPage(Page):
    """What runs when an object of a model is saved."""

    name = "fires"
    route = "fires/"
    title = "What fires"
    section = "signals"
    form = FiresForm
    parts = ("fires",)
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        model = model_labelled(params.get("model", ""))
        action = params.get("action") or DEFAULT_ACTION
        shown = sources(store)
        reader = _Reader(store, sent_signals(store, shown)) if model is not None else None
        return {
            "models": model_labels(),
            "actions": tuple(ASKED.items()),
            "model": options_of(model).label if model is not None else "",
            "action": action,
            "asked": f"{options_of(model).object_name} {_asked(action)}" if model is not None else "",
            "sources": shown,
            "steps": reader.steps(model, action) if reader is not None and model is not None else [],
            "also": reader.also_sent(model) if reader is not None and model is not None else [],
        }

    def as_json(self, context: Context) -> Json:
        return {
            "model": context["model"] or None,
            "action": context["action"],
            "steps": [
                {"when": step.when, "signals": [_signal_json(each) for each in step.signals]}
                for step in context["steps"]
            ],
            "also_sent": [_signal_json(each) for each in context["also"]],
            "processes": [source.title for source in context["sources"]],
        }


def _asked(action: str) -> str:
    return next(label for key, label in ASKED.items() if key == action)


class _Reader:
    """Reads what is connected for the senders of a model, and what their receivers were seen to set off."""

    def __init__(self, store: Store, rows: Iterable[SignalRow]) -> None:
        self._store = store
        self._rows = {row.name: row for row in rows}
        self._seen = SeenCalls(store, store.totals("receiver"))

    def steps(self, model: type[Model], action: str) -> list[FiredStep]:
        """What is sent when this is done with an object."""
        found = [step for step in model_steps(model) if action in step.actions]
        return [FiredStep(step.when, [self._sent(each) for each in step.sends]) for step in found]

    def _sent(self, send: Send) -> FiredSignal:
        signal, sender = signal_info(send[0]).name, scrub(names.sender_name(send[1]))
        return FiredSignal(signal, sender, self._fired(signal, sender))

    def _fired(self, signal: str, sender: str) -> list[Fired]:
        row = self._rows.get(signal)
        return fired(self._seen, row.connections if row is not None else [], signal, sender)

    def also_sent(self, model: type[Model]) -> list[FiredSignal]:
        """Other signals that were sent with the model as sender, by code that is not Django's."""
        sender = scrub(names.sender_name(model))
        found = [row for row in self._rows.values() if not row.name.startswith(DJANGOS)]
        return [self._also(row, sender) for row in found if row.was_sent_by(sender)]

    def _also(self, row: SignalRow, sender: str) -> FiredSignal:
        unheard = [each for each in row.orphan_sends if each.sender == sender]
        where = DispatchFilter(exact_signal=row.name, sender=f"{EXACT}{sender}")
        sites = [each.call_site for each in self._store.dispatches(where, 50) if each.call_site is not None]
        sites += [site for each in unheard for site in each.sites]
        return FiredSignal(row.name, sender, self._fired(row.name, sender), list(dict.fromkeys(sites))[:MOST_SITES])


def _signal_json(row: FiredSignal) -> Json:
    return {
        "signal": row.signal,
        "sender": row.sender,
        "sites": frames_json(row.sites),
        "receivers": [
            {**connection_json(each.row), "typical_ms": typical_json(each.set_off), **seen_json(each.set_off)}
            for each in row.receivers
        ],
    }
