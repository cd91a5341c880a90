"""Rules about what is connected: W101 to W111, each with its look-alike, in processes of their own."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import Project

MODELS = """
    from django.contrib.auth.models import User
    from django.db import models

    class Topping(models.Model):
        name = models.TextField()

    class Pizza(models.Model):
        toppings = models.ManyToManyField(Topping)
        friends = models.ManyToManyField(User, through="Membership")

    class Membership(models.Model):
        pizza = models.ForeignKey(Pizza, models.CASCADE)
        user = models.ForeignKey(User, models.CASCADE)

    class Base(models.Model):
        slug = models.TextField(default="")

        class Meta:
            abstract = True

    class Page(Base):
        title = models.TextField(default="")
        level = models.TextField(default="")

    class Custom(models.Model):
        class Meta:
            swappable = "SHOP_CUSTOM"
"""
MISTAKES = """
    import contextlib, importlib.util, sys
    from django.contrib.auth.signals import user_logged_in, user_login_failed
    from django.contrib.auth.models import AbstractUser, User
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import got_request_exception
    from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_save
    from django.dispatch import Signal, receiver
    from shop.models import Base, Custom, Page, Pizza, Topping

    paid = Signal()
    SENDERS = [Pizza, Topping]

    @receiver(m2m_changed, sender=Pizza)
    def count_toppings(sender, **kwargs): ...

    @receiver(m2m_changed, sender=Topping)
    def count_pizzas(sender, **kwargs): ...

    def note_row(sender, **kwargs): ...
    post_save.connect(note_row, sender=Pizza.toppings.through)
    post_delete.connect(note_row, sender=Pizza.toppings.through)

    @receiver(post_save, sender=Base)
    def for_abstract(sender, **kwargs): ...

    @receiver(post_save, sender=[Pizza, Topping])
    def for_list(sender, **kwargs): ...

    @receiver(paid, sender=SENDERS)
    def for_named_list(sender, **kwargs): ...

    def for_tuple(sender, **kwargs): ...
    pre_save.connect(for_tuple, sender=(Pizza, Topping))

    @receiver(paid, sender="shop.Pizza")
    def for_label(sender, **kwargs): ...

    a_page = Page()
    @receiver(post_save, sender=a_page)
    def for_instance(sender, **kwargs): ...

    @receiver(m2m_changed, sender=Pizza.toppings)
    def for_descriptor(sender, **kwargs): ...

    @receiver(post_save, sender=Custom)
    def for_swapped(sender, **kwargs): ...

    @receiver(post_migrate, sender=Page)
    def for_model_migrate(sender, **kwargs): ...

    @receiver(got_request_exception, sender=WSGIHandler)
    def for_handler(sender, **kwargs): ...

    @receiver(user_logged_in, sender=AbstractUser)
    def for_abstract_user(sender, **kwargs): ...

    @receiver(user_login_failed, sender=User)
    def for_failed_login(sender, **kwargs): ...

    def print_invoice(sender, **kwargs): ...
    def mail_invoice(sender, **kwargs): ...
    post_save.connect(print_invoice, sender=Page, dispatch_uid="page_saved")
    post_save.connect(mail_invoice, sender=Page, dispatch_uid="page_saved")
    post_save.disconnect(print_invoice)

    def connect_locally():
        def on_paid(sender, **kwargs): ...
        paid.connect(on_paid)

    connect_locally()

    @receiver(paid)
    def subscribe(sender, **kwargs):
        '''Subscribe.'''
        try:
            sender.newsletter.subscribe()
        except Exception:
            pass

    @receiver(paid)
    def subscribe_quietly(sender, **kwargs):
        with contextlib.suppress(Exception):
            sender.newsletter.subscribe()

    @receiver(pre_save, sender=Page)
    def assign(sender, instance, **kwargs):
        instance.slug = "chief" if instance.level == "high" else "clerk"

    @receiver(pre_save, sender=Page)
    def grade(sender, instance, **kwargs):
        instance.level = "high"

    from shop import twice
    spec = importlib.util.spec_from_file_location("twice", twice.__file__)
    sys.modules["twice"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["twice"])
"""
TWICE = """
    from django.db.models.signals import post_delete
    from django.dispatch import receiver

    @receiver(post_delete)
    def send_receipt(sender, **kwargs): ...
"""
LOOK_ALIKES = """
    import contextlib, functools, logging
    from django.apps import apps
    from django.contrib.auth.signals import user_logged_in, user_login_failed
    from django.contrib.auth.models import User
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import got_request_exception, request_finished
    from django.core.exceptions import ObjectDoesNotExist
    from django.db.models.signals import m2m_changed, post_migrate, post_save, pre_save
    from django.dispatch import Signal, receiver
    from shop.models import Base, Membership, Page, Pizza, Topping

    paid, labelled = Signal(), Signal()
    KEPT = []

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    @receiver(m2m_changed, sender=Membership)
    @receiver(m2m_changed)
    def count_toppings(sender, **kwargs): ...

    @receiver(post_save, sender=Membership)
    @receiver(post_save, sender="shop.Page")
    @receiver([post_save, pre_save], sender=Page)
    @receiver(user_logged_in, sender=User)
    @receiver(user_login_failed, sender="django.contrib.auth")
    @receiver(got_request_exception)
    @receiver(request_finished, sender=WSGIHandler)
    @receiver(labelled, sender="a.text")
    @receiver(paid, sender=Base)
    def many(sender, **kwargs): ...

    post_migrate.connect(many, sender=apps.get_app_config("shop"))
    invoice = Page()
    paid.connect(many, sender=invoice)

    def connect_closures():
        for model in (Pizza, Topping):
            def of_model(sender, model=model, **kwargs):
                return model
            post_save.connect(of_model, sender=model, weak=False)
            KEPT.append(of_model)
            pre_save.connect(of_model, sender=model)

    connect_closures()
    for _ in range(2):
        post_save.connect(many, sender=Page, dispatch_uid="many")
    post_save.connect(many, sender=Pizza, dispatch_uid="many")
    post_save.disconnect(logging.info, sender=Page)

    class Holder:
        def __init__(self):
            def held(sender, **kwargs): ...
            self.held = held
            paid.connect(held)
            paid.connect(self.method)

        def method(self, sender, **kwargs): ...

    holder = Holder()

    @receiver(paid)
    def picky(sender, **kwargs):
        try:
            sender.thing()
        except ObjectDoesNotExist:
            pass

    @receiver(paid)
    def logs(sender, **kwargs):
        try:
            sender.thing()
        except Exception:
            logging.exception("no thing")

    @receiver(paid)
    def removes(sender, **kwargs):
        with contextlib.suppress(FileNotFoundError):
            sender.thing()

    @receiver(paid)
    def partly(sender, **kwargs):
        try:
            sender.optional()
        except Exception:
            pass
        sender.needed()

    @receiver(pre_save, sender=Page)
    def grade(sender, instance, **kwargs):
        instance.level = "high"

    @receiver(pre_save, sender=Page)
    def assign(sender, instance, **kwargs):
        instance.slug = "chief" if instance.level == "high" else "clerk"

    with contextlib.suppress(LookupError):
        apps.get_app_config("sites")
        from shop import optional
"""
OPTIONAL = """
    from django.db.models.signals import post_save
    from django.dispatch import receiver

    @receiver(post_save)
    def with_sites(sender, **kwargs): ...
"""
PRINT = """
import json
import django
django.setup()
import shop.urls
from signal_monitor.findings.static import findings_here
print("FOUND", json.dumps([[f.code, f.subject.rpartition(".")[2], f.message] for f in findings_here()]))
"""

STORAGES = """
    import functools, weakref
    from django.contrib.staticfiles.storage import StaticFilesStorage
    from django.core.files.storage import FileSystemStorage
    from django.core.signals import setting_changed
    from django.db import models
    from django.db.models.signals import post_delete, post_save
    from shop.bases import Announcer, logged

    class UploadStorage(FileSystemStorage): ...

    class Upload(models.Model):
        scan = models.FileField(storage=FileSystemStorage("/tmp/scans"))
        copy = models.FileField(storage=UploadStorage("/tmp/copies"))

    class Picture(Upload):
        thumbnail = models.FileField(storage=StaticFilesStorage("/tmp/thumbnails", "/static/"))

    class LoudAnnouncer(Announcer): ...

    announcers = [Announcer(), Announcer(), LoudAnnouncer()]
    for announcer in announcers:
        post_save.connect(announcer.announce)
        post_save.connect(announcer)
        post_save.connect(functools.partial(announcer.announce), weak=False)
    post_delete.connect(Announcer.announce_class)
    post_delete.connect(LoudAnnouncer.announce_class)

    @logged
    def note(sender, **kwargs): ...
    post_save.connect(note)
"""
BASES = """
    import functools
    from django.db.models.signals import post_save

    class Announcer:
        def announce(self, sender, **kwargs): ...

        def __call__(self, sender, **kwargs): ...

        @classmethod
        def announce_class(cls, sender, **kwargs): ...

    def logged(function):
        @functools.wraps(function)
        def wrapper(sender, **kwargs):
            return function(sender, **kwargs)
        del wrapper.__wrapped__
        return wrapper

    @logged
    def note(sender, **kwargs): ...
    post_save.connect(note)
"""


def found_in(project: Project) -> dict[tuple[str, str], str]:
    """The messages of what is found without running, by code and name of the receiver."""
    rows = json.loads(project.command("-c", PRINT).rpartition("FOUND ")[2])
    assert len({(code, name) for code, name, _message in rows}) == len(rows)
    return {(code, name): message for code, name, message in rows}


@pytest.fixture
def mistaken(project: Project) -> Project:
    """A project with every mistake."""
    more = 'SHOP_CUSTOM = "auth.User"'
    project.write(more, models=MODELS, receivers=MISTAKES, twice=TWICE, views="", forgotten=OPTIONAL)
    return project


NEVER_RUNS = {
    "for_abstract": "`sender=Base`, which is abstract and never sends: the models that inherit from it send",
    "for_list": "a list of 2 senders (`Pizza` and `Topping`), which is one object that never sends.",
    "for_named_list": "a list of 2 senders (`Pizza` and `Topping`), which is one object that never sends.",
    "for_tuple": "a list of 2 senders (`Pizza` and `Topping`), which is one object that never sends.",
    "for_label": "the text `'shop.Pizza'` as sender, and only signals of models take the label of a model.",
    "for_instance": "an instance of `Page` as sender, and Django sends it with classes.",
    "for_descriptor": "the descriptor of a field, not its through model.",
    "for_swapped": "`sender=Custom`, which is swapped for `auth.User` and has no rows.",
    "for_model_migrate": "a sender that is no `AppConfig`, and only configurations of apps send it.",
    "for_handler": "a sender, and Django sends it without one.",
    "for_abstract_user": "`sender=AbstractUser`, which is abstract and never sends: the models that inherit",
    "for_failed_login": "a sender that is not the name of a module, and Django sends it with `'django.contrib.auth'`.",
}


def test_each_mistake_is_found_by_its_rule(mistaken: Project) -> None:
    found = found_in(mistaken)
    assert found["W101", "count_toppings"] == (
        "`count_toppings` (receivers.py:14) never runs: it is connected to `m2m_changed` with `sender=Pizza`, and "
        "`m2m_changed` is sent by `Pizza.toppings.through` and `Pizza.friends.through`."
    )
    assert found["W101", "count_pizzas"].endswith("`m2m_changed` is sent by the through models of fields.")
    assert found["W102", "note_row"] == (
        "`note_row` (receivers.py:20) never runs: `Pizza_toppings` is made by Django for `Pizza.toppings`, and its "
        "rows send no `post_delete` or `post_save`. Changes of `toppings` are sent as `m2m_changed`."
    )
    for name, reason in NEVER_RUNS.items():
        assert reason in found["W103", name], name
    assert "`on_paid` (receivers.py:" in found["W106", "on_paid"]
    assert "will not run in production" in found["W106", "on_paid"]
    assert "is connected 2 times to `post_delete`" in found["W107", "send_receipt"]
    assert "its file is imported as `shop.twice` and `twice`" in found["W107", "send_receipt"]
    assert "drops every exception: `except Exception: pass`" in found["W108", "subscribe"]
    assert "drops every exception: `with suppress(Exception)`" in found["W108", "subscribe_quietly"]
    assert "reads `Page.level` before `grade` (receivers.py:" in found["W109", "assign"]
    assert "nobody imports `shop.forgotten`, which has 1 receiver" in found["W111", "with_sites"]
    assert len(found) == 9 + len(NEVER_RUNS)


def test_what_looks_alike_is_not_found(project: Project) -> None:
    project.write(models=MODELS, receivers=LOOK_ALIKES, optional=OPTIONAL, views="")
    project.write(tests=OPTIONAL, celery=OPTIONAL)
    assert found_in(project) == {}
    assert "signal_monitor.W1" not in project.command("-m", "django", "check", "--tag", "signal_monitor")


def test_methods_of_several_objects_are_not_imported_twice(project: Project) -> None:
    more = 'INSTALLED_APPS += ["django.contrib.staticfiles"]\nSTATIC_URL = "/static/"'
    project.write(more, bases=BASES, models=STORAGES)
    assert found_in(project) == {}
    assert "signal_monitor.W1" not in project.command("-m", "django", "check")


def test_a_method_of_a_file_that_is_imported_twice_is_found(project: Project) -> None:
    method = """
        from django.db.models.signals import post_delete
        class Mailer:
            def mail(self, sender, **kwargs): ...
        mailer = Mailer()
        post_delete.connect(mailer.mail)
    """
    again = MISTAKES[MISTAKES.index("    from shop import twice") :]
    project.write(twice=method, receivers=f"    import importlib.util, sys\n{again}")
    (message,) = found_in(project).values()
    assert "`Mailer.mail` (twice.py:4) is connected 2 times to `post_delete`" in message
    assert message.endswith("its file is imported as `shop.twice` and `twice`.")


def test_the_local_function_is_gone_without_debug(project: Project) -> None:
    project.debug = False
    project.write('SHOP_CUSTOM = "auth.User"', models=MODELS, receivers=MISTAKES, twice=TWICE)
    assert ("W106", "on_paid") not in found_in(project)


def test_check_reports_what_is_certain_and_silences_it(mistaken: Project) -> None:
    printed = mistaken.command("-m", "django", "check", "--tag", "signal_monitor")
    for code in ("W101", "W102", "W103", "W104", "W105", "W106", "W107", "W108"):
        assert f"(signal_monitor.{code})" in printed
    assert "(signal_monitor.W109)" not in printed
    assert "HINT: Connect it with sender=Pizza.toppings.through or sender=Pizza.friends.through." in printed
    settings = mistaken.root / "settings.py"
    silenced = (
        'SILENCED_SYSTEM_CHECKS = ["signal_monitor.W101"]\nSIGNAL_MONITOR["SILENCED_FINDINGS"] = ["W103:shop.*"]\n'
    )
    settings.write_text(settings.read_text(encoding="utf-8") + silenced, encoding="utf-8")
    printed = mistaken.command("-m", "django", "check", "--tag", "signal_monitor")
    assert "W101" not in printed
    assert "W103" not in printed
    assert "W102" in printed
