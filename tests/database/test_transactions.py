"""Transactions around and inside receiver calls: open, written, broken, and what became of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.mail import EmailMessage, send_mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.database.transactions import MAX_SAVEPOINTS
from signal_monitor.database_records import DatabaseWork, TransactionUse
from signal_monitor.records import Dispatch
from signal_monitor.stores import get_store
from signal_monitor.stores.sqlite import SqliteStore
from signal_monitor.testing import Capture

worked = Signal()


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


def write(**_: Any) -> None:
    Group.objects.create(name=f"group {Group.objects.count()}")


def read(**_: Any) -> None:
    Group.objects.count()


def only(captured: Capture, sender: str = "here") -> Dispatch:
    (dispatch,) = [item for item in captured.dispatches if item.sender == sender]
    return dispatch


def only_work(captured: Capture, sender: str = "here") -> DatabaseWork:
    (call,) = only(captured, sender).calls
    (work,) = call.databases
    return work


def use_of(captured: Capture, sender: str = "here") -> TransactionUse:
    use = only_work(captured, sender).transaction
    assert use is not None
    return use


@pytest.mark.django_db(transaction=True)
class TestRealTransactions:
    def test_none_is_open_in_autocommit(self, captured: Capture, connected: Any) -> None:
        connected(read)
        worked.send(sender="here")
        assert only_work(captured).transaction is None

    def test_committed(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            worked.send(sender="here")

        use = use_of(captured)
        assert (use.outcome, use.has_written, use.broken) == ("committed", True, False)
        assert use.began_at <= (use.wrote_at or 0) <= (use.ended_at or 0)

    def test_rolled_back(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with contextlib.suppress(ValueError), transaction.atomic():
            worked.send(sender="here")
            raise ValueError

        assert use_of(captured).outcome == "rolled back"

    @pytest.mark.parametrize(
        ("sql", "outcome"),
        [
            ("ROLLBACK", "rolled back"),
            ("rollback transaction;", "rolled back"),
            (" Commit ", "committed"),
            ("ROLLBACK TO here", "rolled back"),
            ('rollback transaction to savepoint "here"', "rolled back"),
            ("RELEASE here", "committed"),
        ],
    )
    def test_ended_by_a_statement(self, captured: Capture, connected: Any, sql: str, outcome: str) -> None:
        connected(write)
        with transaction.atomic():
            write()
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT here")
            worked.send(sender="here")
            with connection.cursor() as cursor:
                cursor.execute(sql)
            worked.send(sender="later")

        assert use_of(captured).outcome == outcome
        assert (use_of(captured).id == use_of(captured, "later").id) is ("here" in sql)

    def test_only_read(self, captured: Capture, connected: Any) -> None:
        connected(read)
        with transaction.atomic():
            worked.send(sender="here")
            write()

        use = use_of(captured)
        assert (use.outcome, use.has_written) == ("committed", False)

    def test_savepoint_that_is_rolled_back(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            with contextlib.suppress(ValueError), transaction.atomic():
                worked.send(sender="undone")
                raise ValueError
            worked.send(sender="kept")

        assert (use_of(captured, "undone").outcome, use_of(captured, "kept").outcome) == ("rolled back", "committed")
        assert use_of(captured, "undone").id == use_of(captured, "kept").id

    def test_savepoint_of_the_receiver_itself(self, captured: Capture, connected: Any) -> None:
        def receiver(**_: Any) -> None:
            with contextlib.suppress(ValueError), transaction.atomic():
                write()
                raise ValueError
            write()

        connected(receiver)
        with transaction.atomic():
            worked.send(sender="here")

        assert use_of(captured).outcome == "committed"

    def test_rollback_that_is_refused(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            worked.send(sender="here")
            with pytest.raises(transaction.TransactionManagementError):
                transaction.rollback()

        assert use_of(captured).outcome == "committed"

    def test_second_rollback_to_a_savepoint(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            worked.send(sender="before")
            savepoint = connection.savepoint() or ""
            transaction.savepoint_rollback(savepoint)
            worked.send(sender="undone")
            transaction.savepoint_rollback(savepoint)
            worked.send(sender="kept")

        found = [use_of(captured, sender).outcome for sender in ("before", "undone", "kept")]
        assert found == ["committed", "rolled back", "committed"]

    def test_savepoint_around_very_many_is_not_called_committed(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            with contextlib.suppress(ValueError), transaction.atomic():
                worked.send(sender="undone")
                for _ in range(MAX_SAVEPOINTS + 10):
                    connection.savepoint()
                raise ValueError
            worked.send(sender="kept")

        assert (use_of(captured, "undone").outcome, use_of(captured, "kept").outcome) == (None, "committed")

    def test_very_many_rollbacks_to_savepoints(self, captured: Capture, connected: Any) -> None:
        connected(write)
        with transaction.atomic():
            for _ in range(MAX_SAVEPOINTS + 1):
                transaction.savepoint_rollback(connection.savepoint() or "")
            with contextlib.suppress(ValueError), transaction.atomic():
                worked.send(sender="undone")
                raise ValueError
            worked.send(sender="kept")

        assert (use_of(captured, "undone").outcome, use_of(captured, "kept").outcome) == (None, "committed")

    def test_transactions_have_ids_of_their_own(self, captured: Capture, connected: Any) -> None:
        connected(write)
        for sender in ("one", "other"):
            with transaction.atomic():
                worked.send(sender=sender)
        assert use_of(captured, "one").id != use_of(captured, "other").id

    def test_receiver_that_runs_no_query_is_in_the_transaction(self, captured: Capture, connected: Any) -> None:
        connected(lambda **_: None)
        with transaction.atomic():
            write()
            worked.send(sender="here")

        work = only_work(captured)
        assert (work.queries, use_of(captured).has_written, use_of(captured).outcome) == (0, True, "committed")

    def test_functions_for_the_commit_are_counted_and_are_the_applications(
        self, captured: Capture, connected: Any
    ) -> None:
        ran: list[int] = []

        def receiver(**_: Any) -> None:
            transaction.on_commit(lambda: ran.append(1))
            transaction.on_commit(lambda: ran.append(2), robust=True)

        connected(receiver)
        with transaction.atomic():
            worked.send(sender="here")
            assert len(connection.run_on_commit) == 2

        assert ran == [1, 2]
        assert use_of(captured).on_commit == 2

    def test_function_that_runs_at_once_is_not_counted(self, captured: Capture, connected: Any) -> None:
        connected(lambda **_: transaction.on_commit(lambda: None))
        worked.send(sender="here")
        assert only(captured).calls[0].databases == ()

    def test_mails_in_a_transaction_and_outside(self, captured: Capture, connected: Any) -> None:
        def receiver(**_: Any) -> None:
            send_mail("subject", "text", None, ["a@example.com"])
            backend = EmailBackend()
            backend.send_messages([EmailMessage("s", "t", to=["a@b.c"]), EmailMessage("s", "t", to=["a@b.c"])])

        connected(receiver)
        with transaction.atomic():
            worked.send(sender="inside")
        worked.send(sender="outside")

        assert (use_of(captured, "inside").mails, only(captured, "inside").calls[0].mails) == (3, 3)
        assert (only(captured, "outside").calls[0].mails, only(captured, "outside").calls[0].databases) == (3, ())

    def test_mail_in_a_function_for_the_commit_is_after_it(self, captured: Capture, connected: Any) -> None:
        def mail() -> None:
            send_mail("subject", "text", None, ["a@example.com"])

        connected(lambda **_: transaction.on_commit(mail))
        with transaction.atomic():
            worked.send(sender="here")

        assert (use_of(captured).mails, use_of(captured).on_commit) == (0, 1)

    def test_tasks_of_celery(self, captured: Capture, connected: Any) -> None:
        from demo.application.tasks import do_some_task

        pipeline.flush()
        connected(lambda **_: do_some_task.delay())
        with transaction.atomic():
            worked.send(sender="here")

        assert (use_of(captured).tasks, only(captured).calls[0].tasks) == (1, 1)

    def test_tasks_of_django(self, captured: Capture, connected: Any, settings: Any) -> None:
        pytest.importorskip("django.tasks", reason="Django 6.0 and later")
        from signal_monitor.database import database_work
        from tests.database.tasks import do_nothing

        settings.TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
        database_work.look()
        connected(lambda **_: do_nothing.enqueue())
        with transaction.atomic():
            worked.send(sender="here")

        assert (use_of(captured).tasks, only(captured).calls[0].tasks) == (1, 1)

    @pytest.mark.parametrize(
        ("backend", "tasks"),
        [
            ("django.tasks.backends.immediate.ImmediateBackend", 0),
            ("tests.database.tasks.DatabaseBackend", 0),
            ("tests.database.tasks.ServiceBackend", 1),
        ],
    )
    def test_tasks_that_take_part_in_the_transaction(
        self, captured: Capture, connected: Any, settings: Any, backend: str, tasks: int
    ) -> None:
        pytest.importorskip("django.tasks", reason="Django 6.0 and later")
        from signal_monitor.database import database_work
        from tests.database.tasks import do_nothing

        settings.TASKS = {"default": {"BACKEND": backend}}
        database_work.look()
        connected(lambda **_: do_nothing.enqueue())
        with transaction.atomic():
            worked.send(sender="here")

        assert (use_of(captured).tasks or 0, only(captured).calls[0].tasks) == (tasks, 1)

    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    def test_end_that_comes_later_is_stored(self, captured: Capture, connected: Any, kind: str, tmp_path: Any) -> None:
        store: Any = get_store() if kind == "memory" else SqliteStore(f"sqlite:///{tmp_path}/store.sqlite3")
        connected(write)
        time.sleep(1.1)  # the tests before may have used up this second's sample
        with transaction.atomic():
            worked.send(sender="here")
            dispatch = only(captured)
            if kind == "sqlite":
                batch = _batch(dispatches=[dispatch])
                store.write(batch)
            assert use_of(captured).outcome is None
        if kind == "sqlite":
            use = use_of(captured)
            from signal_monitor.database_records import TransactionEnd

            store.write(_batch(transaction_ends=[TransactionEnd(dispatch.id, 0, use.id, "committed", 5.0)]))
        else:
            pipeline.flush()

        found = store.dispatch(dispatch.id)
        assert found.calls[0].databases[0].transaction.outcome == "committed"
        store.close()

    def test_other_threads_transactions_are_not_ours(self, captured: Capture, connected: Any) -> None:
        connected(read)
        other = connection.copy()
        with other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("SELECT 1")
            worked.send(sender="here")
            other.rollback()
        BaseDatabaseWrapper.close(other)
        assert only_work(captured).transaction is None


def _batch(**parts: Any) -> Any:
    from signal_monitor.pipeline.process import ThisProcess
    from signal_monitor.stores.base import Batch

    return Batch(ThisProcess().describe(()), **parts)


@pytest.mark.django_db
class TestBroken:
    """Whether a receiver has left the transaction broken; these are in the transaction of the test."""

    def take(self, **_: Any) -> None:
        with contextlib.suppress(IntegrityError):
            Group.objects.create(name="taken")

    def test_swallowed_error(self, captured: Capture, connected: Any) -> None:
        Group.objects.create(name="taken")
        connected(self.take)
        with contextlib.suppress(transaction.TransactionManagementError), transaction.atomic():
            worked.send(sender="here")
            Group.objects.count()

        (call,) = only(captured).calls
        use = use_of(captured)
        assert (call.outcome, call.databases[0].failed, use.broken, use.outcome) == ("ok", 1, True, "rolled back")

    def test_swallowed_error_that_nobody_meets(self, captured: Capture, connected: Any) -> None:
        Group.objects.create(name="taken")
        connected(self.take)
        with transaction.atomic():
            worked.send(sender="here")

        assert use_of(captured).broken

    def test_savepoint_around_the_risky_statement(self, captured: Capture, connected: Any) -> None:
        Group.objects.create(name="taken")

        def receiver(**_: Any) -> None:
            with contextlib.suppress(IntegrityError), transaction.atomic():
                Group.objects.create(name="taken")

        connected(receiver)
        with transaction.atomic():
            worked.send(sender="here")
            Group.objects.count()

        use = use_of(captured)
        assert (only_work(captured).failed, use.broken, use.outcome) == (1, False, None)

    def test_dry_run_after_it(self, captured: Capture, connected: Any) -> None:
        """The caller rolls back on purpose, after a receiver that is whole."""
        Group.objects.create(name="taken")

        def receiver(**_: Any) -> None:
            with contextlib.suppress(IntegrityError), transaction.atomic():
                Group.objects.create(name="taken")

        connected(receiver)
        with transaction.atomic():
            worked.send(sender="here")
            transaction.set_rollback(True)

        use = use_of(captured)
        assert (use.broken, use.outcome) == (False, "rolled back")

    def test_transaction_that_was_broken_before(self, captured: Capture, connected: Any) -> None:
        def receiver(**_: Any) -> None:
            with contextlib.suppress(transaction.TransactionManagementError):
                Group.objects.count()

        connected(receiver)
        with transaction.atomic():
            transaction.set_rollback(True)
            worked.send(sender="here")

        assert not use_of(captured).broken

    def test_nested_receiver_is_the_one(self, captured: Capture, connected: Any) -> None:
        Group.objects.create(name="taken")
        connected(self.take, post_save, User)
        connected(lambda **_: User.objects.create(username="somebody"))
        with transaction.atomic():
            worked.send(sender="here")

        calls = only(captured, "django.contrib.auth.models.User").calls
        inner = next(call for call in calls if "take" in call.receiver).databases[0].transaction
        assert inner is not None
        assert (inner.broken, use_of(captured).broken) == (True, False)
