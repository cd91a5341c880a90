"""What the signals of models say of rows, and bulk operations that pass receivers by."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.signals import post_delete, post_save, pre_save
from pytest_django.fixtures import Settings

from signal_monitor import pipeline, suppress
from signal_monitor.database_records import BulkOperation, ModelArguments, RowSignals
from signal_monitor.stores import get_store
from signal_monitor.stores.sqlite import SqliteStore
from signal_monitor.testing import Capture

pytestmark = pytest.mark.django_db


def look_at_group(**_: Any) -> None:
    """A receiver."""


@pytest.fixture(autouse=True)
def _connected() -> Iterator[None]:
    get_store().clear()
    for signal in (post_save, pre_save, post_delete):
        signal.connect(look_at_group, sender=Group)
    yield
    for signal in (post_save, pre_save, post_delete):
        signal.disconnect(look_at_group, sender=Group)


def said(captured: Capture, signal: str) -> list[ModelArguments]:
    return [
        item.arguments
        for item in captured.of(f"{__name__}.look_at_group")
        if item.signal.endswith(signal) and item.arguments is not None
    ]


def counted() -> dict[str, RowSignals]:
    pipeline.flush()
    ours = [fact for fact in get_store().row_signals() if fact.receiver == f"{__name__}.look_at_group"]
    return {fact.signal.rpartition(".")[2]: fact for fact in ours}


def bulk_operations() -> list[BulkOperation]:
    pipeline.flush()
    return [fact for fact in get_store().bulk_operations() if fact.model == "auth.Group"]


def test_created_and_update_fields(captured: Capture) -> None:
    group = Group.objects.create(name="x")
    group.save(update_fields=["name"])
    group.save()
    group.delete()

    first, second, third = said(captured, "post_save")
    assert (first.created, first.raw, first.using, first.update_fields) == (True, False, "default", None)
    assert (second.created, second.update_fields) == (False, ("name",))
    assert third.update_fields is None
    assert first.row == second.row == third.row is not None
    assert [one.created for one in said(captured, "pre_save")] == [None, None, None]
    assert said(captured, "pre_save")[0].row is None
    assert said(captured, "post_delete")[0].row == first.row


def test_rows_are_told_apart(captured: Capture) -> None:
    for name in "ab":
        Group.objects.create(name=name)
    rows = [one.row for one in said(captured, "post_save")]
    assert len(set(rows)) == 2


def test_other_types_are_not_read(captured: Capture) -> None:
    class Odd(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise AssertionError("the code of the application runs")

    post_save.send(Group, instance=object(), created="yes", raw=1, using=Odd("default"), update_fields=Odd("name"))
    post_save.send(Group, instance=Group(name="x", id=Odd("1")), created=True, raw=False, using="default")

    first, second = captured.of(f"{__name__}.look_at_group")[-2:]
    assert first.arguments in (None, ModelArguments())
    assert second.arguments == ModelArguments(created=True, raw=False, using="default")


def test_fixtures_are_raw(captured: Capture, tmp_path: Path) -> None:
    fixture = tmp_path / "groups.json"
    fixture.write_text(json.dumps([{"model": "auth.group", "pk": 77, "fields": {"name": "loaded"}}]))
    call_command("loaddata", str(fixture), verbosity=0)

    (one,) = said(captured, "post_save")
    assert (one.raw, one.created) == (True, True)


def test_every_call_is_counted_though_few_are_stored(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "DATABASE_WORK": True, "SAMPLE_PER_SECOND": 0}
    groups = [Group.objects.create(name=f"group {number}") for number in range(20)]
    for group in groups[:5]:
        group.save()

    facts = counted()
    assert (facts["post_save"].created, facts["post_save"].existing, facts["post_save"].raw) == (20, 5, 0)
    assert set(facts) == {"post_save"}


def test_nothing_is_read_where_it_is_off(captured: Capture, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "DATABASE_WORK": False}
    pipeline.flush()
    Group.objects.create(name="x")
    Group.objects.update(name="y")

    assert said(captured, "post_save") == []
    assert bulk_operations() == []


# Bulk operations


def test_each_operation_with_its_line() -> None:
    groups = Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    Group.objects.filter(name="a").update(name="c")
    Group.objects.bulk_update(groups, ["name"])
    Group.objects.all().delete()

    found = {fact.operation: fact for fact in bulk_operations()}
    assert {name: fact.rows for name, fact in found.items()} == {
        "bulk_create": 2,
        "update": 1,
        "bulk_update": 2,
        "delete": 2,
    }
    assert {fact.function for fact in found.values()} == {"test_each_operation_with_its_line"}
    assert {fact.path for fact in found.values()} == {__file__}
    assert found["update"].line == found["bulk_create"].line + 1
    assert set(found["update"].signals) == {"post_save", "pre_save"}
    assert found["delete"].signals == ("post_delete",)


def test_same_line_is_one_fact() -> None:
    for number in range(4):
        Group.objects.bulk_create([Group(name=f"{number}")])
    (fact,) = bulk_operations()
    assert (fact.calls, fact.rows) == (4, 4)


def test_saving_is_no_bulk_operation() -> None:
    group = Group.objects.create(name="a")
    group.save()
    Group.objects.update_or_create(name="a", defaults={"name": "b"})
    group.delete()
    assert bulk_operations() == []


def test_operation_that_writes_nothing() -> None:
    Group.objects.filter(name="nobody").update(name="x")
    Group.objects.bulk_create([])
    assert bulk_operations() == []


def test_model_without_receivers() -> None:
    from django.contrib.sessions.models import Session

    Session.objects.filter(session_key="x").update(session_data="y")
    pipeline.flush()
    assert [fact for fact in get_store().bulk_operations() if fact.model == "sessions.Session"] == []


def test_receiver_that_updates_itself_is_named() -> None:
    def update(instance: Group, **_: Any) -> None:
        Group.objects.filter(pk=instance.pk).update(name="renamed")

    post_save.connect(update, sender=Group)
    try:
        Group.objects.create(name="x")
    finally:
        post_save.disconnect(update, sender=Group)

    (fact,) = bulk_operations()
    assert (fact.receiver or "").endswith("update")


def test_migrations_are_left_out() -> None:
    Group.objects.create(name="x")
    state = ProjectState()
    for model in (Group, apps.get_model("auth", "Permission"), apps.get_model("contenttypes", "ContentType")):
        state.add_model(ModelState.from_model(model))
    post_save.connect(look_at_group)
    try:
        assert state.apps.get_model("auth", "Group").objects.update(name="y") == 1
    finally:
        post_save.disconnect(look_at_group)
    assert bulk_operations() == []


def test_the_monitors_own_are_left_out() -> None:
    with suppress():
        Group.objects.bulk_create([Group(name="x")])
    assert bulk_operations() == []


def test_methods_look_like_djangos() -> None:
    from django.db.models import QuerySet

    assert QuerySet.update.__qualname__ == "QuerySet.update"
    assert QuerySet.update.alters_data is True  # type: ignore[attr-defined]
    assert QuerySet.delete.queryset_only is True  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="update"):
        Group.objects.update(1)  # type: ignore[call-arg]
    assert not hasattr(Group.objects, "delete")
    assert connection.queries is not None


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_facts_of_several_processes_are_added_up(kind: str, tmp_path: Path) -> None:
    from signal_monitor.pipeline.process import ThisProcess
    from signal_monitor.stores.base import Batch
    from signal_monitor.stores.memory import MemoryStore

    store: Any = MemoryStore() if kind == "memory" else SqliteStore(f"sqlite:///{tmp_path}/store.sqlite3")
    for number in range(2):
        process = ThisProcess().describe(())
        now = process.seen_at
        bulk = BulkOperation("a.B", "update", "x.py", 1, "f", ("post_save",), None, 1, 5 + number, now, now)
        store.write(Batch(process, facts=[bulk, RowSignals("r", "s", "t", 1, 2, 3, now)]))
        store.write(Batch(process, facts=[bulk]))

    assert [(fact.calls, fact.rows) for fact in store.bulk_operations()] == [(2, 11)]
    assert [(fact.created, fact.existing, fact.raw) for fact in store.row_signals()] == [(2, 4, 6)]
    store.clear()
    assert (store.bulk_operations(), store.row_signals()) == ([], [])
    store.close()


def test_users_signals_are_not_those_of_others(captured: Capture) -> None:
    User.objects.create(username="x")
    assert said(captured, "post_save") == []


def test_bulk_operation_does_not_wait_for_the_lock_of_a_signal() -> None:
    """A handler of an operating system signal may interrupt ``connect``, which holds the lock of this thread."""
    Group.objects.create(name="a")
    for signal in (pre_save, post_save):
        signal.connect(look_at_group, sender=Group)  # Django looks for the receivers anew after it
    done = threading.Event()
    locks = [signal.lock for signal in (pre_save, post_save)]

    def free() -> None:
        if not done.wait(10):
            locks_freed.append(True)
            for lock in locks:
                lock.release()

    locks_freed: list[bool] = []
    for lock in locks:
        lock.acquire()
    watcher = threading.Thread(target=free)
    watcher.start()
    Group.objects.update(name="b")
    done.set()
    watcher.join()
    if not locks_freed:
        for lock in locks:
            lock.release()

    assert not locks_freed
    assert [fact.signals for fact in bulk_operations()] == [("pre_save", "post_save")]


def test_receivers_that_are_gone_are_no_receivers() -> None:
    def gone(**_: Any) -> None:
        """A receiver that nothing else holds."""

    user = User.objects.create(username="somebody")
    pre_save.connect(gone, sender=User)
    del gone
    User.objects.filter(pk=user.pk).update(first_name="x")
    pipeline.flush()

    noted = [fact for fact in get_store().bulk_operations() if fact.model == "auth.User"]
    assert [name for fact in noted for name in fact.signals if name == "pre_save"] == []


def test_an_async_operation_is_not_said_to_be_where_somebody_waits_for_it() -> None:
    """It runs in a thread, in which asgiref may run it on top of other code; the coroutine that awaits it is told."""

    async def update() -> None:
        await Group.objects.aupdate(name="y")

    async def in_a_task() -> None:
        await asyncio.create_task(Group.objects.abulk_create([Group(name="z")]))

    Group.objects.create(name="x")
    async_to_sync(update)()
    async_to_sync(in_a_task)()
    told = {fact.operation: (fact.path, fact.function.rpartition(".")[2]) for fact in bulk_operations()}
    assert told == {"update": (__file__, "update"), "bulk_create": ("", "")}
