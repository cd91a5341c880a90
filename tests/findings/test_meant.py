"""What looks like a mistake of connecting or catching, and is meant: W104 and W108."""

from __future__ import annotations

import pytest

from tests.findings.test_connected import found_in
from tests.support.projects import Project

DEFAULT = """
    from django.conf import settings
    from django.dispatch import Signal

    paid = Signal()

    def mail(**kwargs): ...
    def mail_by_default(**kwargs): ...

    if settings.DEBUG:
        paid.connect(mail, dispatch_uid="mail")
    paid.connect(mail_by_default, dispatch_uid="mail")
"""
SHARED = DEFAULT.replace("if settings.DEBUG:", "if settings.DEBUG: pass").replace("        paid", "    paid")


@pytest.mark.parametrize(("source", "kind"), [(DEFAULT, "INFOS"), (SHARED, "WARNINGS")])
def test_a_default_that_gives_way_is_a_hint(project: Project, source: str, kind: str) -> None:
    project.write(receivers=source)
    printed = project.command("-m", "django", "check", "--tag", "signal_monitor")
    (line,) = [line for line in printed.splitlines() if "signal_monitor.W104" in line]
    before, _line, _after = printed.partition(line)
    assert before.rpartition("S:\n")[0].rpartition("\n")[2] + "S" == kind


CAUGHT = """
    import functools
    import logging
    from django.db.models.signals import post_save
    from django.dispatch import receiver

    logger = logging.getLogger(__name__)

    @receiver(post_save)
    def hides(sender, **kwargs):
        try:
            sender.subscribe()
        except LookupError:
            sender.failed = True
        except Exception:
            pass

    @receiver(post_save)
    def hides_by_name(sender, **kwargs):
        try:
            sender.subscribe()
        except Exception as error:
            done = False

    def quietly(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception:
                return None
        return inner

    def loudly(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception:
                logger.exception("Not done")
        return inner

    @receiver(post_save)
    @quietly
    def hides_by_decorator(sender, **kwargs):
        sender.subscribe()

    @receiver(post_save)
    @loudly
    def logs_by_decorator(sender, **kwargs):
        sender.subscribe()

    @receiver(post_save)
    def marks(sender, **kwargs):
        try:
            sender.subscribe()
        except Exception:
            sender.failed = True

    @receiver(post_save)
    def logs_one(sender, **kwargs):
        try:
            sender.subscribe()
        except LookupError:
            logger.exception("Not subscribed")
        except Exception:
            pass

    @receiver(post_save)
    def raises_one(sender, **kwargs):
        try:
            sender.subscribe()
        except LookupError:
            raise
        except Exception:
            return None

    @receiver(post_save)
    def uses_one(sender, **kwargs):
        try:
            sender.subscribe()
        except LookupError as error:
            sender.last = str(error)
        except Exception:
            return None
"""


def test_a_receiver_of_which_one_handler_tells_hides_nothing(project: Project) -> None:
    project.write(receivers=CAUGHT)
    assert sorted(name for code, name in found_in(project) if code == "W108") == [
        "hides",
        "hides_by_decorator",
        "hides_by_name",
    ]
