"""The pipeline of this process: started by the first dispatch, alive after a fork, flushed at exit."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing.util
import os

from django.apps import apps

from signal_monitor import instrumentation
from signal_monitor.conf import Config
from signal_monitor.errors import guarded
from signal_monitor.instrumentation.current import current_origin, forget_other_threads
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import configure_limits, reset_orphan_counts
from signal_monitor.instrumentation.orphans import renew_lock
from signal_monitor.instrumentation.plans import forget_plans
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.names import Apps
from signal_monitor.running_tests import note_test_environment
from signal_monitor.scrubbing import configure_scrubbing
from signal_monitor.settings_watcher import follow_settings

from .converter import RecordConverter
from .process import ThisProcess
from .request_origin import seed_ids
from .worker import EXIT_SECONDS, Pipeline

REPLACE_SECONDS = 10.0
"""The time to wait for the worker of a pipeline that is replaced: it would take the records of the next one."""


class _Running:
    """The pipeline of this process, if it has one; ``pid`` is the process that it was made or begun anew in."""

    pipeline: Pipeline | None = None
    pid = os.getpid()


def instrument() -> None:
    """Observe every dispatch from now on; calling it again changes nothing.

    Where the app does not run a pipeline, one without observers is started.
    """
    if _Running.pipeline is None:
        run(Pipeline(RecordConverter(ThisProcess()), []))
    instrumentation.instrument()


def installed_apps() -> Apps:
    """The names of the installed applications, which are known once they are loaded."""
    return Apps(lambda: [app.name for app in apps.get_app_configs()] if apps.apps_ready else None)


def configure_instrumentation(config: Config) -> None:
    """Observe as configured, from the next dispatch on."""
    configure_limits(config.slow_limits)
    forget_plans()
    hooks.keeps_messages = config.ERROR_MESSAGES
    configure_scrubbing(config.SCRUB_PATTERNS)


def run(pipeline: Pipeline) -> None:
    """Make a pipeline the process's own; its worker starts when the first dispatch begins. The former one ends."""
    stop(REPLACE_SECONDS)
    _Running.pipeline = pipeline
    record_queue.check_with(_check)


def current() -> Pipeline | None:
    """The pipeline of this process, if it has one."""
    return _Running.pipeline


def has_begun() -> bool:
    """Whether this process has dispatched anything, so that its worker was started."""
    return _Running.pid == os.getpid() and _Running.pipeline is not None and _Running.pipeline.has_begun


def flush() -> None:
    """Deliver what is queued now, if a pipeline runs."""
    begin_anew_if_forked()
    follow_settings()
    origin = current_origin()
    if origin is not None and origin.pending:
        origin.release(record_queue.append)
    if _Running.pipeline is not None:
        _Running.pipeline.flush()


@guarded("the check of the worker", None, in_send=True)
def _check() -> None:
    """See that the pipeline is this process's own, and that its worker runs."""
    begin_anew_if_forked()
    note_test_environment()  # a short one would have ended before the worker asks
    if _Running.pipeline is not None:
        _Running.pipeline.check()


def work_for_worker() -> None:
    """Deliver what is queued at the end of a request, where the worker can have no thread."""
    if _Running.pipeline is not None:
        _Running.pipeline.work_for_worker()


def begin_anew_if_forked() -> None:
    """Begin anew in a child that was forked without Python's hooks, as by uWSGI; it takes a tenth of a microsecond."""
    if _Running.pid != os.getpid():
        _after_fork()


def stop(timeout: float = EXIT_SECONDS) -> None:
    """Stop the process's pipeline, after at most ``timeout`` seconds of delivering what is queued."""
    begin_anew_if_forked()
    if _Running.pipeline is not None:
        record_queue.check_no_more()  # a worker that starts now would take the records of the next pipeline
        _Running.pipeline.stop(timeout)
        _Running.pipeline = None


def stop_before_others_at_exit() -> None:
    """Run first at exit, where exporters that take our spans end too: what is registered last runs first."""
    atexit.unregister(stop)
    atexit.register(stop)


@guarded("the start in a forked child", None)
def _after_fork() -> None:
    _Running.pid = os.getpid()
    forget_other_threads()
    record_queue.clear()
    reset_orphan_counts()
    renew_lock()
    seed_ids()
    if _Running.pipeline is not None:
        _Running.pipeline.forget()
        record_queue.check_with(_check)


def _end_with_multiprocessing(_module: object) -> None:
    # A child that multiprocessing has forked ends without atexit, but with these.
    multiprocessing.util.Finalize(None, stop, exitpriority=0)


stop_before_others_at_exit()
multiprocessing.util.register_after_fork(_Running, _end_with_multiprocessing)
with contextlib.suppress(AttributeError):  # not on every platform
    os.register_at_fork(after_in_child=_after_fork)
