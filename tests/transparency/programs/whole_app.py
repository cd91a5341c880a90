"""With the whole app: connections, settings, requests and the interpreter are the application's own."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started, setting_changed
from django.db import connection, connections, transaction
from django.db.backends import utils
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.test import Client
from django.test.utils import CaptureQueriesContext, isolate_apps, modify_settings, override_settings

from tests.transparency.calls import Sender, call, connected, first, third
from tests.transparency.scenario import at_most_more, monitor, outcome, scenario, shown

SELECT = "SELECT 1"


def query(sql: str = SELECT) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def names_of(wrappers: Any) -> Any:
    return [type(wrappers).__name__, [getattr(item, "__qualname__", str(type(item))) for item in wrappers]]


def mine(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    return execute(sql, params, many, context)


def refusing(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    raise LookupError("refused")


def in_thread(function: Callable[[], Any]) -> Any:
    answers: list[Any] = []

    def run() -> None:
        answers.append(outcome(function))
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answers


def wrappers_now() -> Any:
    return names_of(connection.execute_wrappers)


def wrappers_in_a_receiver() -> Any:
    made = connected(lambda **named: [query(), wrappers_now()])
    return shown(made.send(Sender))


def wrappers_within_a_block() -> Any:
    with connection.execute_wrapper(mine):
        query()
        return [wrappers_now(), wrappers_in_a_receiver()]


def wrappers_of_a_copy() -> Any:
    copied = connection.copy()
    try:
        with copied.cursor() as cursor:
            cursor.execute(SELECT)
        return names_of(copied.execute_wrappers)
    finally:
        copied.close()


def wrappers_replaced() -> Any:
    before, connection.execute_wrappers = connection.execute_wrappers, [mine]
    try:
        return [query(), wrappers_now(), wrappers_in_a_receiver()]
    finally:
        connection.execute_wrappers = before


def wrappers_of_another_connection() -> Any:
    made = connections.create_connection("default")
    try:
        return names_of(made.execute_wrappers)
    finally:
        made.close()


WRAPPERS = {
    "now": wrappers_now,
    "receiver": wrappers_in_a_receiver,
    "block": wrappers_within_a_block,
    "copy": wrappers_of_a_copy,
    "replaced": wrappers_replaced,
    "another": wrappers_of_another_connection,
}


@scenario(WRAPPERS)
def execute_wrappers(function: Any) -> Any:
    return [outcome(function), in_thread(function), outcome(function)]


@scenario()
def a_wrapper_that_refuses() -> Any:
    made = connected(lambda **named: query())
    with connection.execute_wrapper(refusing):
        return [outcome(query), outcome(made.send, Sender), shown(made.send_robust(Sender))]


@scenario(same=at_most_more(1))
def frames_of_a_failing_query() -> Any:
    def failing(**named: Any) -> Any:
        try:
            query("SELECT nothing FROM nowhere")
        except Exception as error:  # noqa: BLE001 - its traceback is what is asked for
            return len(traceback.extract_tb(error.__traceback__))

    return [failing(), connected(failing).send(Sender)[0][1]]


@scenario()
def cursors() -> Any:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as captured:
        query()
        kinds = [type(cursor).__module__, type(cursor).__qualname__, type(cursor).__mro__[1].__qualname__]
        methods = [getattr(utils.CursorWrapper, name).__qualname__ for name in ("execute", "executemany", "__exit__")]
    return [kinds, methods, [item["sql"] for item in captured.captured_queries], len(connection.queries_log)]


@scenario()
def hooks_of_a_transaction() -> Any:
    made = connected(lambda **named: transaction.on_commit(lambda: None))
    with transaction.atomic():
        made.send(Sender)
        with transaction.atomic():
            made.send(Sender)
        during = len(connection.run_on_commit), len(connection.savepoint_ids), connection.in_atomic_block
    return [during, len(connection.run_on_commit), connection.in_atomic_block]


def own_signals() -> list[Signal]:
    """The signals of Django, which anything may be connected to."""
    modules = sorted(name for name in sys.modules if name.startswith("django."))
    found = {id(item): item for name in modules for item in vars(sys.modules[name]).values() if _is_signal(item)}
    return list(found.values())


def _is_signal(item: Any) -> bool:
    return issubclass(type(item), Signal)


def receivers_of(made: Any) -> list[str]:
    """The receivers of a signal that are not Django's and Channels' own, which come with an import."""
    references = [entry[1] for entry in made.receivers]
    live = [item() if type(item).__name__ in {"ReferenceType", "WeakMethod"} else item for item in references]
    names = [f"{item.__module__}.{item.__qualname__}" for item in live if item is not None]
    return [name for name in names if not name.startswith(("django.", "channels."))]


@scenario()
def receivers_of_setting_changed() -> Any:
    return receivers_of(setting_changed)


@scenario()
def receivers_of_djangos_signals() -> Any:
    return sorted(name for made in own_signals() for name in receivers_of(made))


@scenario()
def overridden_settings() -> Any:
    seen: list[Any] = []

    def receiver(setting: Any, value: Any, enter: Any, **named: Any) -> None:
        seen.append([setting, shown(value), enter])

    setting_changed.connect(receiver)
    with override_settings(
        USE_TZ=False, CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    ):
        seen.append(settings.USE_TZ)
    with modify_settings(INSTALLED_APPS={"append": "django.contrib.sessions"}):
        seen.append("django.contrib.sessions" in settings.INSTALLED_APPS)
    with isolate_apps("django.contrib.sessions"):
        pass
    setting_changed.disconnect(receiver)
    return [
        item
        for item in seen
        if item != "INSTALLED_APPS" and not (isinstance(item, list) and item[0] == "INSTALLED_APPS")
    ]


@scenario()
def frames_of_setting_changed() -> Any:
    """Django's own receiver warns with a ``stacklevel``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with override_settings(DATABASES={}):
            pass
    return [[item.filename.rpartition("/")[2], item.lineno, str(item.message)] for item in caught]


def timing() -> bool:
    """Whether a response says how long its signals took."""
    return "Server-Timing" in Client().get("/hello/").headers


@scenario()
def own_settings_are_followed() -> Any:
    if monitor.mode not in {"app", "traced"}:
        return [False, True, False, True, False]
    store = {"STORE": "memory"}
    seen = [timing()]
    with override_settings(SIGNAL_MONITOR={**store, "SERVER_TIMING": True}):
        seen.append(timing())
        with override_settings(SIGNAL_MONITOR={**store, "SERVER_TIMING": False}):
            seen.append(timing())
        seen.append(timing())
    return [*seen, timing()]


@scenario()
def responses() -> Any:
    response = Client().get("/hello/")
    missing = Client().get("/missing/")
    return [dict(response.headers), response.content.decode(), missing.status_code, dict(missing.headers)]


@scenario()
def frames_of_requests() -> Any:
    def receiver(**named: Any) -> None:
        seen.append([frame.name for frame in traceback.extract_stack(limit=3)])

    seen: list[Any] = []
    for made in (request_started, request_finished):
        made.connect(receiver)
    Client().get("/hello/")
    for made in (request_started, request_finished):
        made.disconnect(receiver)
    return [seen, receivers_of(request_started), receivers_of(request_finished)]


@scenario()
def the_interpreter() -> Any:
    for made in (connected(first), connected(third)):
        call(made, "send", Sender)
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return [
        [shown(handler) for handler in handlers],
        [sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval()],
        [shown(sys.excepthook), shown(threading.excepthook), shown(sys.unraisablehook), len(gc.callbacks)],
        [gc.get_threshold(), gc.isenabled(), len(sys.path_hooks), [shown(item) for item in sys.meta_path]],
        [shown(warnings.showwarning), shown(logging.getLoggerClass())],
        [len(logging.root.handlers), logging.root.level, len(logging.getLogger("django.dispatch").filters)],
    ]


@scenario()
def models_signals_have_no_more_listeners() -> Any:
    return [post_save.has_listeners(Sender), len(post_save.receivers)]
