"""The application app: a task that tells when it is done, and the receiver that keeps it, in the worker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client

from demo.application.models import KEPT, FinishedTask
from demo.application.signals import some_task_done
from demo.application.tasks import do_some_task
from demo.tests.conftest import Recorded, pid_of
from demo.tests.working import Worker

pytest_plugins = ["demo.tests.queueing"]

RECEIVER = "demo.application.receivers.keep_finished_task"


@pytest.mark.usefixtures("db", "eager")
def test_finished_task_is_kept(recorded: Recorded) -> None:
    task_id = do_some_task.delay().id
    finished = FinishedTask.objects.get()
    assert (finished.name, finished.task_id, finished.process_id) == ("do_some_task", task_id, os.getpid())
    (dispatch,) = recorded(RECEIVER)
    assert (dispatch.signal, dispatch.sender, pid_of(dispatch)) == (
        "demo.application.signals.some_task_done",
        "do_some_task",
        os.getpid(),
    )


@pytest.mark.django_db
def test_only_the_last_finished_tasks_are_kept() -> None:
    for number in range(KEPT + 2):
        some_task_done.send(sender="do_some_task", task_id=str(number))
    assert FinishedTask.objects.count() == KEPT
    assert FinishedTask.objects.latest("pk").task_id == str(KEPT + 1)


@pytest.mark.django_db
def test_page_queues_and_does_not_wait(client: Client, broker: Path) -> None:
    page = client.post("/tasks/queue/", follow=True).text
    assert "Queued: do_some_task" in page
    assert "None yet." in page
    assert len(list((broker / "messages").iterdir())) == 1


@pytest.mark.django_db
def test_page_says_that_the_queue_cannot_be_reached(client: Client, broker: Path) -> None:
    (broker / "messages").rmdir()
    assert "The task queue cannot be reached" in client.post("/tasks/queue/", follow=True).text


@pytest.mark.django_db
def test_page_shows_what_is_done_and_where(client: Client) -> None:
    some_task_done.send(sender="do_some_task", task_id="0123456789")
    page = client.get("/tasks/").text
    assert f"in process {os.getpid()}" in page
    assert "01234567" in page


def test_worker_runs_the_receiver_in_its_own_process(worker: Worker) -> None:
    task_id = worker.run("from demo.application.tasks import do_some_task; print(do_some_task.delay().id)").strip()
    query = f"SELECT process_id FROM application_finishedtask WHERE task_id = '{task_id}'"  # noqa: S608 - our own
    ((pid,),) = worker.wait_for_rows(query)
    dispatch, process = worker.wait_for_dispatch(RECEIVER)
    assert (process.pid, process.title) == (pid, "celery worker")
    assert pid != os.getpid()
    assert (dispatch.sender, dispatch.origin_kind) == ("do_some_task", "task")
    assert dispatch.origin_id == f"demo.application.tasks.do_some_task[{task_id[:8]}]"
