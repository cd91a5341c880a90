"""Spans and metrics only: for ``opentelemetry-instrument``, and for projects that do not list the app.

The dashboard, Channels and the stores are not imported here. There may be no settings yet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.apps import apps
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from . import pipeline
from .conf import Config, get_config
from .errors import errors
from .instrumentation import instrument, uninstrument
from .instrumentation.current import ExecutionState
from .instrumentation.hooks import DispatchSpans, hooks
from .instrumentation.info import DispatchInfo
from .pipeline import Pipeline
from .pipeline.converter import RecordConverter
from .pipeline.process import ThisProcess
from .pipeline.runtime import configure_instrumentation, installed_apps
from .telemetry.providers import providers
from .telemetry.setup import telemetry


class SignalInstrumentor(BaseInstrumentor):  # type: ignore[misc] # it has no types
    """OpenTelemetry's instrumentation of Django's signals.

    ``instrument(tracer_provider=None, meter_provider=None)`` uses these providers, or the global ones. With
    ``signal_monitor`` in INSTALLED_APPS, it only sets the providers, and ``uninstrument()`` turns spans and metrics off
    while the dashboard stays. Without the app, the ``SIGNAL_MONITOR`` setting for spans and metrics is used as soon as
    there are settings.
    """

    _pipeline: Pipeline | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """The packages that this instruments."""
        return ("django >= 5.2, < 6.2",)

    def instrument(self, **kwargs: Any) -> None:  # noqa: ANN401 - OpenTelemetry's signature
        """Start; calling it again changes nothing and logs nothing."""
        if not self.is_instrumented_by_opentelemetry:
            super().instrument(**kwargs)

    def uninstrument(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Stop; calling it again changes nothing and logs nothing."""
        if self.is_instrumented_by_opentelemetry:
            super().uninstrument(**kwargs)

    def _instrument(self, **kwargs: Any) -> None:  # noqa: ANN401
        if _is_switched_off():
            return
        providers.use(kwargs.get("tracer_provider"), kwargs.get("meter_provider"))
        telemetry.stopped = False
        running, process = pipeline.current(), ThisProcess()
        if running is None:
            observers = telemetry.start(Config(), installed_apps(), process)
            self._pipeline = Pipeline(RecordConverter(process), observers)
            pipeline.run(self._pipeline)
            instrument()
            hooks.open_spans = _open_first
        elif telemetry.observers:
            telemetry.configure(get_config(), installed_apps())  # what is known of other providers is forgotten
        else:
            for observer in telemetry.start(get_config(), installed_apps(), running.converter.process):
                running.add(observer)

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ANN401
        telemetry.stop()
        providers.use()
        if self._pipeline is not None and pipeline.current() is self._pipeline:
            pipeline.stop()
            uninstrument()
        self._pipeline = None


def _is_switched_off() -> bool:
    """Whether the app is installed, and configured to observe nothing."""
    return apps.ready and apps.is_installed("signal_monitor") and not get_config().ENABLED


def _open_first(info: DispatchInfo, state: ExecutionState) -> DispatchSpans | None:
    """Open the spans of a dispatch, and use the settings as soon as there are any."""
    if apps.ready:
        hooks.open_spans = telemetry.open
        try:
            config = get_config()
        except Exception as error:  # noqa: BLE001 - a wrong setting must not break what is observed
            errors.note("the settings of the instrumentor", error)
            config = Config()
        configure_instrumentation(config)
        telemetry.configure(config, installed_apps())
        return telemetry.open(info, state)
    spans = telemetry.open(info, state)
    state.traced = state.untraced = None  # so that the next dispatch asks again
    return spans
