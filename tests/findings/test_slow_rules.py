"""Rules about time: R202, R207, R209, R210, R211, R212, R213 and R216."""

from __future__ import annotations

import time

from signal_monitor.findings.engine import find
from signal_monitor.findings.rules import Hanging
from signal_monitor.findings.snapshot import Snapshot, read
from signal_monitor.records import Frame, Process, RunningCall
from signal_monitor.stores.base import Batch
from signal_monitor.stores.memory import MemoryStore
from tests.support.projects import Project

SIGNALS = """
    from django.dispatch import Signal
    chained, looped, awaited, counted, quick = (Signal() for _ in range(5))
"""
RECEIVERS = """
    import time
    from django.contrib.auth.models import User
    from django.core.signals import request_finished
    from django.db.models.signals import post_migrate, post_save
    from django.dispatch import receiver
    from shop.signals import awaited, chained, counted, looped, quick

    def link(number):
        def receive(sender, **kwargs):
            time.sleep(0.03)
        receive.__qualname__ = receive.__name__ = f"link_{number}"
        chained.connect(receive, weak=False)

    for number in range(8):
        link(number)

    @receiver(looped)
    def block(sender, seconds, **kwargs):
        time.sleep(seconds)

    @receiver(awaited)
    async def wait(sender, **kwargs):
        pass

    @receiver(counted)
    def add_up(sender, **kwargs):
        time.sleep(0.002)

    @receiver(quick)
    def glance(sender, **kwargs):
        pass

    @receiver(request_finished)
    def flush_statistics(sender, **kwargs):
        time.sleep(FLUSH)

    @receiver(post_migrate)
    def sync_roles(sender, **kwargs):
        time.sleep(0.03)

    @receiver(post_migrate)
    def sync_app(sender, app_config, **kwargs):
        time.sleep(0.03 if app_config.models_module else 0.01)

    @receiver(post_save, sender=User)
    def render_avatar(sender, instance, **kwargs):
        time.sleep(0.12)
"""
VIEWS = """
    from django.contrib.auth import login
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from shop.signals import awaited, chained, counted, looped, quick

    def view_chain(request):
        chained.send(sender=int)
        return HttpResponse()

    async def view_block(request):
        looped.send(sender=None, seconds=0.15)
        return HttpResponse()

    async def view_glance(request):
        looped.send(sender=None, seconds=0.001)
        return HttpResponse()

    async def view_let_others_work(request):
        await looped.asend(sender=None, seconds=0.15)
        return HttpResponse()

    def view_await(request):
        for _ in range(6):
            awaited.send(sender=None)
        return HttpResponse()

    def view_count(request):
        for _ in range(60):
            counted.send(sender=None)
        return HttpResponse()

    def view_quick(request):
        for _ in range(300):
            quick.send(sender=None)
        return HttpResponse()

    def view_login(request):
        login(request, User.objects.first())
        return HttpResponse()

    def view_profile(request):
        User.objects.first().save()
        return HttpResponse()

    def view_long_login(request):
        import time
        login(request, User.objects.first())
        time.sleep(0.75)
        return HttpResponse()
"""


def shop(project: Project, flush: float = 0) -> Project:
    receivers = RECEIVERS.replace("FLUSH", str(flush))
    project.write(signals=SIGNALS, receivers=receivers, views=VIEWS)
    return project


ADA = "from django.contrib.auth.models import User\nUser.objects.create(username='ada')"


def test_receivers_that_are_slow_together_are_found(project: Project) -> None:
    shop(project)
    project.run("for _ in range(2): get('/view_chain/')")
    (finding,) = project.findings().values()
    assert finding.message.startswith("8 receivers of `chained` from `int` take ")
    assert "of `GET /view_chain/`, and none of them is slow: `link_" in finding.message
    assert (finding.subject_kind, finding.line) == ("signal", 8)


def test_a_send_that_blocks_the_loop_is_found_and_asend_is_not(project: Project) -> None:
    shop(project)
    act = """
        import asyncio
        from django.test import AsyncClient
        async def ask(path):
            await AsyncClient().get(path)
        asyncio.run(ask("/view_glance/"))
        asyncio.run(ask("/view_block/"))
    """
    project.run(act)
    (finding,) = project.findings().values()
    assert finding.message.startswith("`view_block` (views.py:12) calls `looped.send()` on the event loop, and nobody")
    assert finding.message.endswith("most of it in `block` (receivers.py:18) (1 time).")


def test_asend_lets_others_work(project: Project) -> None:
    shop(project)
    act = """
        import asyncio
        from django.test import AsyncClient
        async def ask(path):
            await AsyncClient().get(path)
        asyncio.run(ask("/view_let_others_work/"))
    """
    project.run(act)
    assert "blocks-event-loop" not in project.findings()


def test_work_after_the_response_is_found(project: Project) -> None:
    shop(project, flush=0.12)
    project.run("for _ in range(3): get('/view_quick/')")
    (finding,) = project.findings().values()
    assert finding.message.startswith("`flush_statistics` (receivers.py:34) keeps a thread of the server busy for ")
    assert "after 3 of 3 responses" in finding.message


def test_post_migrate_without_a_sender_is_found_unless_it_looks_at_the_app(project: Project) -> None:
    shop(project).command("-m", "django", "migrate", "--run-syncdb")
    (finding,) = project.findings().values()
    assert finding.message.startswith("`sync_roles` (receivers.py:38) ran 4 times in one `")
    assert "once for each app, and took " in finding.message


def test_a_receiver_that_runs_for_every_row_is_found_and_a_quick_one_is_not(project: Project) -> None:
    shop(project)
    project.run("get('/view_count/'); get('/view_quick/')")
    (finding,) = project.findings().values()
    assert finding.message.startswith("`add_up` (receivers.py:26) takes ")
    assert "of `GET /view_count/`: 60 calls, and none of them is slow (the longest takes" in finding.message
    assert finding.cost_ns >= 60 * 2_000_000


def test_what_runs_at_every_login_is_found_and_not_where_the_user_is_edited(project: Project) -> None:
    shop(project).prepare(ADA)
    project.run("get('/view_login/')")
    (finding,) = project.findings().values()
    assert finding.name == "login-saves-user"
    assert finding.message.startswith("`render_avatar` (receivers.py:46) takes ")
    assert "`GET /view_login/`, which logs in. It runs because `update_last_login` saves the user" in finding.message
    project.run("get('/view_profile/'); get('/view_profile/')")
    assert set(project.findings()) == {"login-saves-user", "slow-receiver"}


def test_a_slow_receiver_at_a_login_of_which_it_takes_little_is_a_slow_receiver(project: Project) -> None:
    shop(project).prepare(ADA)
    project.run("get('/view_long_login/'); get('/view_long_login/')")
    (finding,) = project.findings().values()
    assert (finding.name, finding.level) == ("slow-receiver", "warning")
    assert "of `GET /view_long_login/` (2 calls" in finding.message
    project.run("get('/view_login/')")
    (finding,) = project.findings().values()
    assert finding.name == "login-saves-user"


def test_an_async_receiver_under_a_plain_send_is_a_hint(project: Project) -> None:
    shop(project)
    project.run("get('/view_await/')")
    (finding,) = project.findings().values()
    assert (finding.name, finding.level) == ("async-under-send", "hint")
    assert "`view_await` (views.py:25) sends `awaited` with `send()`" in finding.message


def running(**fields: object) -> Snapshot:
    now = time.time()
    stack = (Frame("/srv/shop/receivers.py", 12, "notify"), Frame("/usr/lib/python3/threading.py", 363, "wait"))
    call = RunningCall("d1", "shop.paid", "None", "send", "shop.receivers.notify", 0, now - 30, 30 * 10**9, stack=stack)
    known: dict[str, object] = {"seen_at": now, "serves": True, "running": (call,)}
    store = MemoryStore()
    store.write(Batch(Process("p1", 1, "host", "daphne shop.asgi", now - 60, **{**known, **fields})))  # type: ignore[arg-type]
    return read(store)


def test_a_receiver_that_hangs_is_found() -> None:
    (finding,) = Hanging().check(running())
    expected = (
        "`notify` (receivers.py:12) has been running for 30 s in `daphne shop.asgi`, now in `wait` (threading.py:363)."
    )
    assert finding.message == expected


def test_what_a_command_works_for_long_hangs_not() -> None:
    assert list(Hanging().check(running(serves=False))) == []
    assert list(Hanging().check(running(ended_at=time.time()))) == []


def test_an_empty_store_has_no_findings() -> None:
    assert find(MemoryStore()) == []
