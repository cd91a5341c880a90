"""Rules about exceptions: R203, R204, R205, R214 and R215."""

from __future__ import annotations

from tests.support.projects import Project

SIGNALS = """
    from django.dispatch import Signal
    paid, pre_paid, shipped, greeted, visited, looked = (Signal() for _ in range(6))
"""
RECEIVERS = """
    from django.core.exceptions import PermissionDenied, ValidationError
    from django.dispatch import receiver
    from shop.signals import greeted, looked, paid, pre_paid, shipped, visited

    class Veto(Exception):
        pass

    @receiver(paid)
    def charge(sender, **kwargs):
        raise LookupError("no such card")

    @receiver(paid)
    def thank(sender, **kwargs):
        pass

    @receiver(pre_paid)
    def refuse(sender, **kwargs):
        raise Veto("not today")

    @receiver(pre_paid)
    def after_refusal(sender, **kwargs):
        pass

    @receiver(shipped)
    def track(sender, **kwargs):
        return kwargs["parcel"]

    @receiver(greeted)
    def greet(sender, created, **kwargs):
        pass

    @receiver(visited)
    def log_visitor(sender, **kwargs):
        return kwargs["environ"]

    @receiver(looked)
    def look(sender, row, **kwargs):
        return {1: "one"}[row]
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.receivers import Veto
    from shop.signals import greeted, looked, paid, pre_paid, shipped, visited

    def view_pay(request):
        paid.send(sender=None)
        return HttpResponse()

    def view_pay_or_not(request):
        try:
            paid.send(sender=None)
        except LookupError:
            return HttpResponse("no")

    def view_veto(request):
        try:
            pre_paid.send(sender=None)
        except Veto:
            return HttpResponse("refused")

    def view_ship(request):
        shipped.send_robust(
            sender=None,
        )
        return HttpResponse()

    def view_ship_and_look(request):
        for receiver, response in shipped.send_robust(sender=None):
            pass
        kept = shipped.send_robust(sender=None)
        return HttpResponse(str([kept, *shipped.send_robust(sender=None)]))

    def view_ship_abroad(request):
        shipped.send_robust(sender=str)
        return HttpResponse()

    def view_ship_gift(request):
        shipped.send_robust(sender=int)
        return HttpResponse()

    async def view_ship_later(request):
        await shipped.asend_robust(sender=None)
        return HttpResponse()

    def view_visits(request):
        visited.send(sender=str, environ={})
        try:
            visited.send(sender=int, scope={})
        except KeyError:
            return HttpResponse("no environ")

    def view_greet(request):
        try:
            greeted.send(sender=None, instance=1)
        except TypeError:
            return HttpResponse("not greeted")

    def view_look(request):
        for row in (1, 2, 1):
            try:
                looked.send(sender=None, row=row)
            except KeyError:
                pass
        return HttpResponse()
"""


def shop(project: Project) -> Project:
    return project.write(signals=SIGNALS, receivers=RECEIVERS, views=VIEWS)


def test_an_exception_that_ends_a_request_is_found(project: Project) -> None:
    shop(project).run("get('/view_pay/'); get('/view_pay/')")
    found = project.findings()
    message = found["raises-into-caller"].message
    assert message == (
        "`charge` (receivers.py:9) raised `LookupError: no such card` in 2 of 2 calls, and 2 requests ended with an "
        "error of the server, such as `GET /view_pay/`."
    )
    assert found["receivers-not-run"].message == (
        "`thank` did not run in 2 of 2 dispatches of `paid`: `charge` (receivers.py:9), which is called before it, "
        "raised `LookupError: no such card`."
    )
    assert set(found) == {"raises-into-caller", "receivers-not-run"}


def test_an_exception_that_the_view_catches_ends_no_request(project: Project) -> None:
    shop(project).run("get('/view_pay_or_not/')")
    assert set(project.findings()) == {"receivers-not-run"}


def test_a_refusal_before_something_is_no_mistake(project: Project) -> None:
    shop(project).run("get('/view_veto/')")
    assert project.findings() == {}


def test_responses_that_nobody_looks_at_are_found(project: Project) -> None:
    shop(project).run("get('/view_ship/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`track` (receivers.py:25) raised `KeyError: parcel` in 1 of 1 calls, and nobody looked: `view_ship` "
        "(views.py:23) does not use the responses of `send_robust()`."
    )


def test_each_line_that_drops_responses_is_named_with_its_calls(project: Project) -> None:
    shop(project).run("get('/view_ship_abroad/'); get('/view_ship/')")
    project.run("get('/view_ship/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`track` (receivers.py:25) raised `KeyError: parcel` in 3 of 3 calls, and nobody looked: `view_ship` "
        "(views.py:23) in 2 calls and `view_ship_abroad` (views.py:35) in 1 call do not use the responses of "
        "`send_robust()`."
    )
    project.run("for name in ('', '_abroad', '_gift', '_later'): get(f'/view_ship{name}/')")
    (finding,) = project.findings().values()
    assert "in 7 of 7 calls, and nobody looked: `view_ship` (views.py:23) in 3 calls, " in finding.message
    assert finding.message.endswith(" and 1 more do not use the responses of `send_robust()` or `asend_robust()`.")


def test_responses_that_are_looped_over_kept_or_passed_on_are_looked_at(project: Project) -> None:
    shop(project).run("get('/view_ship_and_look/')")
    assert project.findings() == {}


def test_a_receiver_that_demands_what_is_not_sent_is_found(project: Project) -> None:
    shop(project).run("get('/view_greet/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`greet` (receivers.py:29) fails with `TypeError` in 1 of 1 calls: it requires `created`, which `greeted` is "
        "sent without by `view_greet` (views.py:55)."
    )


def test_a_receiver_that_fails_for_one_sender_every_time_is_found(project: Project) -> None:
    shop(project).run("get('/view_visits/'); get('/view_visits/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`log_visitor` (receivers.py:33) raised `KeyError: environ` in all 2 calls for `int`, and not for "
        "other senders."
    )


def test_a_receiver_that_fails_for_one_row_of_many_is_not_found(project: Project) -> None:
    shop(project).run("get('/view_look/')")
    assert project.findings() == {}
