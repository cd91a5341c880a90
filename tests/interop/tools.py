"""The tools that stand beside the monitor, and the monitor, each to be put on and, where it can, taken off."""

from __future__ import annotations

import functools
import importlib
from abc import ABC, abstractmethod
from typing import Any

from django.dispatch import Signal


class Tool(ABC):
    """Something that observes a program. What it imports, it imports when it is put on: imports have effects."""

    apps: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    settings: dict[str, Any] = {}

    @abstractmethod
    def put_on(self) -> None:
        """Observe from now on."""

    def attend(self) -> None:  # noqa: B027 - few tools want to know
        """Django is set up."""

    def take_off(self) -> None:
        """Observe no longer."""
        raise NotImplementedError(f"{type(self).__name__} has no way to take it off")

    @abstractmethod
    def product(self) -> list[Any]:
        """What was observed since the last time this was asked."""

    def work(self) -> list[Any]:
        """What a program does that has this tool, beyond what every program does."""
        return []


class Sentry(Tool):
    """sentry-sdk: it replaces ``Signal._live_receivers``, and answers wrappers in place of synchronous receivers."""

    def __init__(self) -> None:
        self._seen: list[Any] = []

    def put_on(self) -> None:
        from sentry_sdk.integrations.django import DjangoIntegration

        self._init([DjangoIntegration(signals_spans=True)])

    def take_off(self) -> None:
        # There is no way back for what Sentry has replaced; a client without the integration wraps no receivers.
        self._init([])

    def _init(self, integrations: list[Any]) -> None:
        import sentry_sdk

        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",  # nothing leaves: what is to be sent is taken, and dropped
            integrations=integrations,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            traces_sample_rate=1.0,
            before_send=self._take_event,
            before_send_transaction=self._take_transaction,
        )

    def _take_transaction(self, event: Any, hint: Any) -> None:
        self._seen.append([event["transaction"], [[span["op"], span["description"]] for span in event["spans"]]])

    def _take_event(self, event: Any, hint: Any) -> None:
        self._seen.append(["event", event["logger"], [item["type"] for item in event["exception"]["values"]]])

    def product(self) -> list[Any]:
        seen, self._seen = self._seen, []
        return seen


class Ddtrace(Tool):
    """ddtrace: it replaces nothing of ``Signal``, but what starts threads and tasks, and what handles requests."""

    def __init__(self) -> None:
        self._seen: list[Any] = []

    def put_on(self) -> None:
        import ddtrace
        from ddtrace.trace import tracer

        seen = self._seen

        class Taking:
            def process_trace(self, trace: list[Any]) -> None:
                seen.append([[span.name, span.resource, span.error] for span in trace])

        processors: list[Any] = [Taking()]
        tracer.configure(trace_processors=processors)
        ddtrace.patch(django=True, sqlite3=True, asyncio=True, futures=True)

    def product(self) -> list[Any]:
        seen = list(self._seen)
        self._seen.clear()
        return seen


class NewRelic(Tool):
    """newrelic: it replaces nothing of ``Signal``, but asgiref's, asyncio's and Django's ways to run a view."""

    def put_on(self) -> None:
        import newrelic.agent

        newrelic.agent.initialize()
        newrelic.agent.register_application(timeout=10.0)

    def product(self) -> list[Any]:
        from newrelic.core.agent import agent_instance
        from newrelic.core.config import global_settings

        engine = agent_instance().application(global_settings().app_name)._stats_engine
        counts = [[name, scope, stats.call_count] for (name, scope), stats in engine.stats_table.items() if scope]
        engine.reset_metric_stats()
        return sorted(counts)


class Toolbar(Tool):
    """django-debug-toolbar: its panel of signals reads ``Signal.receivers``."""

    apps = ("django.contrib.staticfiles", "debug_toolbar")
    middleware = ("debug_toolbar.middleware.DebugToolbarMiddleware",)
    settings = {
        "DEBUG": True,
        "INTERNAL_IPS": ["127.0.0.1"],
        "STATIC_URL": "static/",
        "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        "DEBUG_TOOLBAR_PANELS": ["debug_toolbar.panels.signals.SignalsPanel", "debug_toolbar.panels.sql.SQLPanel"],
        "DEBUG_TOOLBAR_CONFIG": {"EXTRA_SIGNALS": ["tests.interop.work.placed", "tests.interop.work.notified"]},
    }

    def __init__(self) -> None:
        self._made: list[Any] = []

    def put_on(self) -> None:
        """Its app and its middleware are in the settings."""

    def attend(self) -> None:
        from debug_toolbar.toolbar import DebugToolbar

        DebugToolbar._created.connect(self._take)

    def _take(self, toolbar: Any, **kwargs: Any) -> None:
        self._made.append(toolbar)

    def product(self) -> list[Any]:
        made, self._made = self._made, []
        return [toolbar.get_panel_by_id("SignalsPanel").get_stats()["signals"] for toolbar in made]


class TaskManager(Tool):
    """celery-task-manager: its ``Signal`` overrides all four send methods."""

    apps = ("django.contrib.auth", "task_manager")

    def put_on(self) -> None:
        """Its app is in the settings."""

    def attend(self) -> None:
        from . import tasks  # its signals write to models

        tasks.connect()

    def work(self) -> list[Any]:
        from . import tasks

        return tasks.run()

    def product(self) -> list[Any]:
        from . import tasks

        return tasks.take_errors()


class Around(Tool):
    """A tool of the plainest kind: a function around ``Signal.send``."""

    def __init__(self) -> None:
        self._seen: list[Any] = []
        self._original: Any = None

    def put_on(self) -> None:
        original = self._original = Signal.send

        @functools.wraps(original)
        def send(signal: Signal, sender: Any, **named: Any) -> Any:
            self._seen.append(type(signal).__qualname__)
            return original(signal, sender, **named)

        Signal.send = send  # type: ignore[assignment,method-assign]

    def take_off(self) -> None:
        Signal.send = self._original  # type: ignore[method-assign]

    def product(self) -> list[Any]:
        seen, self._seen = self._seen, []
        return seen


class Monitor(Tool):
    """Ours, or a copy of ours under another name."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._capture: Any = None

    def put_on(self) -> None:
        importlib.import_module(self.package).instrument()
        if self._capture is None:
            self._capture = self._start()

    def _start(self) -> Any:
        """A capture of what is queued, be the monitor on or off: ``capture_dispatches`` would put it on."""
        part = {
            name: importlib.import_module(f"{self.package}.{name}")
            for name in ("pipeline.converter", "pipeline.process", "pipeline", "testing")
        }
        running = part["pipeline"].Pipeline(
            part["pipeline.converter"].RecordConverter(part["pipeline.process"].ThisProcess()), []
        )
        part["pipeline"].run(running)
        capture = part["testing"].Capture()
        running.add(capture)
        return capture

    def take_off(self) -> None:
        importlib.import_module(self.package).uninstrument()

    def product(self) -> list[Any]:
        dispatches = self._capture.dispatches
        self._capture._dispatches.clear()
        return [
            [
                item.signal,
                item.sender,
                item.method,
                item.depth,
                [[c.receiver, c.outcome, c.is_async] for c in item.calls],
            ]
            for item in dispatches
            if item.signal.startswith("tests.interop.") or item.sender.endswith("ContentType")
        ]


TOOLS: dict[str, Tool] = {
    "sentry": Sentry(),
    "ddtrace": Ddtrace(),
    "newrelic": NewRelic(),
    "toolbar": Toolbar(),
    "task_manager": TaskManager(),
    "around": Around(),
    "monitor": Monitor("signal_monitor"),
    "copy": Monitor("signal_monitor_copy"),
}
