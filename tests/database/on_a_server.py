"""A program with a database of its own, named as JSON in the first argument; prints what was recorded, as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from typing import Any

import django
from django.conf import settings

ROWS = 3


def main() -> None:
    settings.configure(
        DATABASES={"default": json.loads(sys.argv[1])},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "signal_monitor"],
        MIDDLEWARE=["signal_monitor.middleware.SignalMonitorMiddleware"],
        SIGNAL_MONITOR={"STORE": "memory", "DATABASE_WORK": True},
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps({**receivers(), "waits": waits()}))


def receivers() -> dict[str, Any]:
    from django.contrib.auth.models import Group, User
    from django.db import IntegrityError, transaction
    from django.dispatch import Signal

    from signal_monitor.testing import capture_dispatches

    signal = Signal()

    def working(**_: Any) -> None:
        Group.objects.bulk_create([Group(name=str(number)) for number in range(ROWS)])
        group = Group.objects.create(name="one more")
        Group.objects.filter(pk=group.pk).update(name="renamed")
        for number in range(10):
            User.objects.filter(username=f"secret-{number}").exists()
        list(Group.objects.iterator(chunk_size=1))

    def breaking(**_: Any) -> None:
        with contextlib.suppress(IntegrityError):
            Group.objects.create(name="renamed")

    def careful(**_: Any) -> None:
        with contextlib.suppress(IntegrityError), transaction.atomic():
            Group.objects.create(name="renamed")

    def sent(receiver: Any, *, inside: bool) -> dict[str, Any]:
        signal.connect(receiver)
        with capture_dispatches() as captured:
            with transaction.atomic() if inside else contextlib.nullcontext():
                signal.send(sender=receiver.__name__)
            calls = [item.calls[0] for item in captured.dispatches if item.sender == receiver.__name__]
        signal.disconnect(receiver)
        (work,) = calls[0].databases
        use = work.transaction
        return {
            "queries": work.queries,
            "rows": {table.table: table.rows for table in work.tables},
            "alike": work.alike_count,
            "failed": work.failed,
            "transaction": None if use is None else [use.outcome, use.has_written, use.broken],
            "examples": " ".join(group.example for group in work.alike),
        }

    return {
        "working": sent(working, inside=False),
        "careful": sent(careful, inside=True),
        "breaking": sent(breaking, inside=True),
    }


holding = threading.Event()


def hold(request: Any) -> Any:
    from django.contrib.auth.models import Group
    from django.db import transaction
    from django.http import HttpResponse

    with transaction.atomic():
        Group.objects.filter(name="0").update(name="held")
        holding.set()
        time.sleep(0.6)
    return HttpResponse()


def wait(request: Any) -> Any:
    from django.contrib.auth.models import Group
    from django.http import HttpResponse

    Group.objects.filter(name="held").count()
    Group.objects.filter(name__in=["0", "held"]).update(name="waited")
    return HttpResponse()


def waits() -> list[list[str]]:
    from django.db import connections
    from django.test import Client

    from signal_monitor import pipeline
    from signal_monitor.database.locks import lock_waits
    from signal_monitor.stores import get_store

    def holder() -> None:
        Client().get("/hold/")
        connections.close_all()

    thread = threading.Thread(target=holder)
    thread.start()
    holding.wait(10)
    Client().get("/wait/")
    thread.join()
    pipeline.flush()
    requests = get_store().requests()
    found = [wait for one in requests for wait in lock_waits(one, requests)]
    return [[item.statement.kind, item.holder_name] for item in found]


def _urlpatterns() -> list[Any]:
    from django.urls import path

    return [path("hold/", hold), path("wait/", wait)]


urlpatterns = _urlpatterns() if __name__ != "__main__" else []

if __name__ == "__main__":
    sys.modules["tests.database.on_a_server"] = sys.modules[__name__]
    urlpatterns = _urlpatterns()
    main()
