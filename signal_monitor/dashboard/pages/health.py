"""The health page: processes, orphans, the store and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from signal_monitor.conf import get_config
from signal_monitor.dashboard.health_verdict import judge_health
from signal_monitor.dashboard.pages.base import Context, Page, Params
from signal_monitor.dashboard.processes import ProcessState, alive, processes, seen, shown_orphans
from signal_monitor.dashboard.serializers import Json, fields_json
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Store
from signal_monitor.text import MAX_LINE, cleaned

PROCESS_FIELDS = (
    *("id", "pid", "host", "title", "started_at", "seen_at", "ended_at", "rate", "dispatches", "queue_length"),
    *("worker_percent", "dropped", "orphans", "errors", "last_error", "versions", "mode", "count"),
)


class HealthPage(Page):
    """How the monitor itself is doing."""

    name = "health"
    route = "health/"
    title = "Health"
    parts = ("health",)

    def fetch(self, store: Store, _params: Params) -> Context:
        config = get_config()
        states = processes(store)
        return {
            "processes": states,
            "verdict": judge_health(states),
            "gone": [state for state in states if state.gone],
            "alive": alive(states),
            "seen": seen(states),
            "orphans": shown_orphans(states),
            "location": cleaned(store.location, MAX_LINE),
            "settings": [(field.name, _shown(getattr(config, field.name))) for field in fields(config)],
        }

    def as_json(self, context: Context) -> Json:
        values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in context["settings"]}
        return {
            "verdict": context["verdict"].heading,
            "store": context["location"],
            "settings": values,
            "processes": [_process_json(state) for state in context["processes"]],
            "orphans": context["orphans"],
        }


def _shown(value: object) -> object:
    """The value of a setting without its secrets, such as a password in a URL."""
    return scrub(value) if isinstance(value, str) else value


def _process_json(state: ProcessState) -> Json:
    tracing = state.process.tracing
    return {
        "gone": state.gone,
        **fields_json(state.process, PROCESS_FIELDS),
        "exporters": [{**asdict(exporter), "hints": exporter.hints} for exporter in tracing.exporters],
        "without_recording_parent": tracing.without_parent,
        "advice": tracing.advice,
    }
