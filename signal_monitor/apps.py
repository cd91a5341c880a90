"""The app: connects the observers to the pipeline and instruments signals."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from functools import partial

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from . import pipeline
from .command_runs import count_commands, count_no_commands
from .conf import Config, get_config
from .database import database_work
from .database.wrappers import open_transactions
from .errors import errors
from .instrumentation import instrument, uninstrument
from .instrumentation.hooks import hooks
from .middleware import hook_requests
from .observers.database import DatabaseObserver
from .observers.history import History
from .observers.orphans import OrphanObserver
from .observers.registry import RegistryObserver
from .observers.requests import Requests
from .observers.store_writer import StoreWriter
from .observers.totals import TotalsObserver
from .own_command import is_own_command, runs_command
from .pipeline.converter import RecordConverter
from .pipeline.process import ThisProcess
from .pipeline.running_calls import CallSampler, running_calls
from .pipeline.runtime import configure_instrumentation, installed_apps
from .registry.live import LiveSignal
from .registry.snapshot import check_with
from .settings_watcher import call_on_change
from .stores import forget_store, get_store
from .telemetry.setup import telemetry


class SignalMonitorConfig(AppConfig):
    """Instruments signals when this module is imported, and starts the pipeline when all apps are ready."""

    name = "signal_monitor"
    verbose_name = "Signal monitor"

    def ready(self) -> None:
        """Start as configured."""
        from . import checks  # noqa: F401 - registers the system checks

        if not runs_command():  # else requests would wait while the worker imports it
            from .findings import static  # noqa: F401 - the rules
        call_on_change(restart)
        start(get_config())


def start(config: Config) -> None:
    """Observe as configured, with a pipeline of this process."""
    if not config.ENABLED:
        pipeline.stop()
        uninstrument()
        database_work.stop()
        _attribute_to_tasks(wanted=False)
        count_no_commands()
        return
    configure_instrumentation(config)
    if is_own_command():
        instrument()  # notes what is connected; there is no pipeline that would record
        return
    hooks.open_transactions = partial(open_transactions, connections)
    for step in (
        lambda: pipeline.run(build(config)),
        hook_requests,
        database_work.start if config.observes_databases else database_work.stop,
        partial(_attribute_to_tasks, wanted=True),
        count_commands,
        instrument,
    ):
        _attempt(step)


def _attempt(step: Callable[[], object]) -> None:
    """Take a step of the start: the site starts without it if it fails, unless the setting is wrong."""
    try:
        step()
    except ImproperlyConfigured:
        raise
    except Exception as error:  # noqa: BLE001 - the site does without what cannot be observed
        errors.note("the start", error)


def _attribute_to_tasks(*, wanted: bool) -> None:
    """Attribute dispatches to Celery's tasks, or no longer, where the project uses Celery."""
    if "celery" in sys.modules:
        from .contrib import celery  # an optional dependency

        (celery.connect if wanted else celery.disconnect)()


def build(config: Config) -> pipeline.Pipeline:
    """The pipeline with its observers, in their order."""
    check_with(_check_registry)
    process = ThisProcess()
    process.cpu_share.limit = config.WORKER_CPU_PERCENT / 100
    converter = RecordConverter(process, installed_apps())
    requests = Requests(process, config.request_slow_ns, config.SAMPLE_PER_SECOND)
    stored = (
        TotalsObserver(config.request_slow_ns),
        History(config.SAMPLE_PER_SECOND),
        requests,
        DatabaseObserver(converter),
        RegistryObserver(process),
        OrphanObserver(process),
    )
    writer = StoreWriter(process, get_store(), stored, partial(running_calls, converter), requests.running)
    exporting = telemetry.start(config, installed_apps(), process)
    return pipeline.Pipeline(converter, [*stored, *exporting, CallSampler(converter), writer])


def _check_registry(signals: Sequence[LiveSignal]) -> list[str]:
    """What is wrong with the connections of this process, as JSON."""
    from .findings.static import check_registry  # takes long to import, so that short commands do without

    return check_registry(signals)


def restart() -> None:
    """Restart with a setting that was replaced; with an invalid one, nothing changes."""
    config = get_config()
    pipeline.stop(pipeline.REPLACE_SECONDS)  # delivers what was queued with the former setting
    forget_store()
    start(config)


def _instrument_early() -> None:
    """Observe what is sent while the apps are loaded, unless the settings say that nothing is."""
    with contextlib.suppress(ImproperlyConfigured):  # ready() reports it
        if get_config().ENABLED:
            instrument()


_instrument_early()
