"""Database work of receiver calls, dispatches and requests: counts, times, alike queries, rows and tables."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.core.signals import request_started
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.database.notes import current_places
from signal_monitor.database.wrappers import REPLACED
from signal_monitor.database_records import DatabaseWork
from signal_monitor.records import ReceiverCall, Request
from signal_monitor.stores import get_store
from signal_monitor.stores.sqlite import SqliteStore
from signal_monitor.testing import Capture

pytestmark = [pytest.mark.django_db]
worked = Signal()


def look_up(number: int) -> None:
    for name in range(number):
        list(User.objects.filter(username=f"secret-{name}"))


@pytest.fixture
def connected() -> Iterator[Any]:
    receivers: list[Any] = []

    def connect(receiver: Any, signal: Signal = worked, sender: Any = None) -> Any:
        signal.connect(receiver, sender=sender, weak=False)
        receivers.append((signal, receiver, sender))
        return receiver

    yield connect
    for signal, receiver, sender in receivers:
        signal.disconnect(receiver, sender=sender)


def close_all() -> None:
    """Close the connections of this thread; Django does not close those to a database in memory."""
    for one in connections.all(initialized_only=True):
        BaseDatabaseWrapper.close(one)


def only_call(captured: Capture, sender: str = "here") -> ReceiverCall:
    (dispatch,) = [item for item in captured.dispatches if item.sender == sender]
    (call,) = dispatch.calls
    return call


def only_work(captured: Capture) -> DatabaseWork:
    (work,) = only_call(captured).databases
    return work


def test_alike_queries_are_one_group_without_their_values(captured: Capture, connected: Any) -> None:
    connected(lambda **_: look_up(12))
    worked.send(sender="here")

    work = only_work(captured)
    (group,) = work.alike
    assert (work.alias, work.queries, work.alike_count) == ("default", 12, 12)
    assert (group.count, group.table) == (12, "auth_user")
    assert group.example.startswith("SELECT ... FROM")
    assert "secret" not in group.example
    assert 0 < group.duration_ns <= work.query_ns
    assert only_call(captured).queries == 12


def test_rows_written_are_counted_by_table(captured: Capture, connected: Any) -> None:
    def write(**_: Any) -> None:
        Group.objects.bulk_create([Group(name=str(number)) for number in range(5)])
        Group.objects.create(name="another")
        Group.objects.filter(name__in=["1"]).update(name="y")
        Group.objects.filter(name="another").delete()

    connected(write)
    worked.send(sender="here")

    work = only_work(captured)
    table = next(item for item in work.tables if item.table == "auth_group")
    assert (table.writes, table.rows) == (4, 5 + 1 + 1 + 1)
    assert work.rows_written >= table.rows


def test_saves_of_one_row_are_told_from_those_of_many(captured: Capture, connected: Any) -> None:
    same = User.objects.create(username="same")
    others = [User.objects.create(username=f"other-{number}") for number in range(3)]

    def write(rows: list[User]) -> Any:
        def save(**_: Any) -> None:
            for row in rows:
                row.save()

        return save

    for receiver in (write([same, same, same]), write(others)):
        connected(receiver)
    worked.send(sender="here")

    (dispatch,) = [item for item in captured.dispatches if item.sender == "here"]
    found = [call.databases[0].tables[0] for call in dispatch.calls]
    assert [(table.single_updates, table.different_rows) for table in found] == [(3, 1), (3, 3)]


def test_savepoints_are_no_queries(captured: Capture, connected: Any) -> None:
    def nested(**_: Any) -> None:
        with transaction.atomic(), transaction.atomic():
            User.objects.exists()

    connected(nested)
    worked.send(sender="here")

    assert only_call(captured).queries == 1
    assert only_work(captured).queries == 1


def test_receiver_without_queries_has_no_alike_ones(captured: Capture, connected: Any) -> None:
    connected(lambda **_: None)
    worked.send(sender="here")

    assert only_call(captured).queries == 0
    assert only_call(captured).work.alike == ()


def test_very_many_queries_are_all_counted(captured: Capture, connected: Any) -> None:
    def many(**_: Any) -> None:
        with connection.cursor() as cursor:
            for _number in range(1_200):
                cursor.execute("SELECT 1")

    connected(many)
    worked.send(sender="here")

    work = only_work(captured)
    assert (work.queries, work.left_out) == (1_200, 200)


def test_little_is_kept_of_long_statements(captured: Capture, connected: Any) -> None:
    kept: list[int] = []

    def long(**_: Any) -> None:
        with connection.cursor() as cursor:
            for number in range(300):
                cursor.execute(f"SELECT {number} WHERE 'a' = '{'v' * 100_000}'")
        places = current_places()
        assert places is not None
        assert places.call_notes is not None
        kept.append(sum(len(statement.sql) for statement in places.call_notes.statements))

    connected(long)
    worked.send(sender="here")

    assert kept[0] < 1_000_000
    (group,) = only_work(captured).alike
    assert (only_work(captured).queries, group.count, group.example) == (300, 300, "SELECT ? WHERE ? = ?")


def test_statements_of_every_method_of_a_cursor_are_counted(captured: Capture, connected: Any) -> None:
    def several(**_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE numbers (n integer)")
            cursor.executemany("INSERT INTO numbers (n) VALUES (%s)", [(1,), (2,), (3,)])
            cursor.execute("SELECT n FROM numbers", None)
            cursor.execute(sql="DROP TABLE numbers")

    connected(several)
    worked.send(sender="here")

    work = only_work(captured)
    assert (work.queries, work.writes, work.rows_written) == (4, 1, 3)


def test_copies_of_a_connection_and_debugging_cursors_count(captured: Capture, connected: Any) -> None:
    def copying(**_: Any) -> None:
        copy = connection.copy()
        copy.force_debug_cursor = True
        with copy.cursor() as cursor:
            cursor.execute("SELECT 1")
        BaseDatabaseWrapper.close(copy)

    connected(copying)
    worked.send(sender="here")

    assert only_work(captured).queries == 1


def test_cursors_of_another_backend_count(captured: Capture, connected: Any) -> None:
    class TheirCursor(CursorWrapper):
        def execute(self, sql: Any, params: Any = None) -> Any:
            return super().execute(sql, params)

    def theirs(**_: Any) -> None:
        connection.ensure_connection()
        with TheirCursor(connection.create_cursor(), connection) as cursor:
            cursor.execute("SELECT 1")

    connected(theirs)
    worked.send(sender="here")

    assert only_work(captured).queries == 1


@pytest.mark.django_db(transaction=True)
async def test_async_receivers_have_their_own(captured: Capture, connected: Any) -> None:
    async def one(**_: Any) -> None:
        await User.objects.acount()
        await asyncio.sleep(0.01)
        await User.objects.acount()

    async def other(**_: Any) -> None:
        await asyncio.sleep(0.005)
        await sync_to_async(look_up_and_close, thread_sensitive=False)()

    def look_up_and_close() -> None:
        look_up(3)
        close_all()

    connected(one)
    connected(other)
    await worked.asend(sender="here")

    (dispatch,) = [item for item in await sync_to_async(lambda: captured.dispatches)() if item.sender == "here"]
    await sync_to_async(close_all)()
    assert [call.queries for call in dispatch.calls] == [2, 3]


# Requests


def view(request: HttpRequest) -> HttpResponse:
    User.objects.count()
    worked.send(sender="view")
    Group.objects.create(name="written")
    return HttpResponse("done")


async def async_view(request: HttpRequest) -> HttpResponse:
    await User.objects.acount()
    await worked.asend(sender="view")
    return HttpResponse("done")


urlpatterns = [path("work/", view), path("async/", async_view)]


@pytest.fixture
def _views(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def last_request() -> Request:
    pipeline.flush()
    return get_store().requests()[0]


@pytest.mark.usefixtures("_views")
def test_request_counts_what_views_and_receivers_do(client: Client, connected: Any) -> None:
    connected(lambda **_: look_up(4))
    client.get("/work/")

    request = last_request()
    assert (request.work.queries, request.work.writes, request.work.rows_written) == (1 + 4 + 1, 1, 1)
    assert request.work.alike_count == 4
    (row,) = [row for row in request.receivers if "lambda" in row.receiver]
    assert row.queries == 4
    assert 0 < row.query_ns <= request.work.query_ns <= request.duration_ns


@pytest.mark.usefixtures("_views")
@pytest.mark.django_db(transaction=True)
async def test_request_of_an_async_view(async_client: AsyncClient, connected: Any) -> None:
    async def receiver(**_: Any) -> None:
        await User.objects.acount()

    connected(receiver)
    await async_client.get("/async/")

    request = await sync_to_async(last_request)()
    await sync_to_async(close_all)()
    assert request.work.queries == 2


@pytest.mark.usefixtures("_views")
def test_page_and_json_show_it(client: Client, admin_client: Client, connected: Any) -> None:
    connected(lambda **_: look_up(10))
    client.get("/work/")
    request = last_request()
    with override_settings(ROOT_URLCONF="tests.urls"):
        page = admin_client.get(f"/signals/requests/{request.id}/").content.decode()
        found = admin_client.get(f"/signals/api/requests/{request.id}/").json()

    assert "12 queries" in page
    assert "10 alike" in page
    assert str(found).count("'alike_count': 10") >= 1


@pytest.mark.django_db(transaction=True)
def test_threads_are_told_apart(captured: Capture, connected: Any) -> None:
    def ask(sender: str, **_: Any) -> None:
        with connection.cursor() as cursor:
            for _number in range(int(sender)):
                cursor.execute("SELECT 1")

    connected(ask)

    def work(number: int) -> None:
        worked.send(sender=str(number))
        close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {item.sender: item.calls[0].queries for item in captured.dispatches if item.sender in "12345"} == {
        str(number): number for number in range(1, 6)
    }


def test_stored_records_are_read_back(captured: Capture, connected: Any, tmp_path: Any) -> None:
    from signal_monitor.pipeline.process import ThisProcess
    from signal_monitor.stores.base import Batch

    def receiver(**_: Any) -> None:
        look_up(3)
        Group.objects.create(name="x")

    connected(receiver)
    with transaction.atomic():
        worked.send(sender="here")
    (dispatch,) = [item for item in captured.dispatches if item.sender == "here"]
    request = Request("r", "GET", "/", 1.0, 1, databases=dispatch.calls[0].databases, mails=0, tasks=0)
    store = SqliteStore(f"sqlite:///{tmp_path}/store.sqlite3")
    store.write(Batch(ThisProcess().describe(()), dispatches=[dispatch], requests=[request]))

    assert store.dispatch(dispatch.id) == dispatch
    assert store.request("r") == request
    store.close()


# Where it is off


def replaced() -> list[str]:
    return [name for cls, name, _ in REPLACED if vars(cls)[name].__code__.co_filename.startswith(ours())]


def ours() -> str:
    import signal_monitor

    return str(signal_monitor.__path__[0])


@pytest.mark.parametrize(
    ("debug", "setting", "on"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
def test_nothing_is_replaced_where_it_is_off(
    settings: Settings, *, debug: bool, setting: bool | None, on: bool
) -> None:
    settings.DEBUG = debug
    settings.SIGNAL_MONITOR = {"STORE": "memory", "DATABASE_WORK": setting}
    request_started.send(sender="follows the setting")
    pipeline.flush()

    assert bool(replaced()) is on
    names = {getattr(cls, name).__qualname__ for cls, name, _ in REPLACED}
    assert names == {f"{cls.__qualname__}.{name}" for cls, name, _ in REPLACED}


def test_aliases_are_told_apart_in_signals_of_models(captured: Capture, connected: Any) -> None:
    connected(lambda **_: look_up(2), post_save, Group)
    Group.objects.create(name="x")

    assert [work.alias for work in only_call(captured, "django.contrib.auth.models.Group").databases] == ["default"]
