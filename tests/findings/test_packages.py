"""What packages do that looks like a mistake of the project's, in the way that well-known ones do it."""

from __future__ import annotations

import pytest

from tests.findings.test_other_sender import found
from tests.support.projects import Project

SETTINGS = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent / "site-packages"))
"""
PACKAGE = """
from django.db import models
from django.db.models.fields.related import ManyToManyRel, RelatedField
from django.db.models.signals import post_delete, post_init, post_save

def log_save(sender, instance, **kwargs): ...
def log_delete(sender, instance, **kwargs): ...

def register(model):
    post_save.connect(log_save, sender=model)
    post_delete.connect(log_delete, sender=model)

class TrackedField(models.TextField):
    def contribute_to_class(self, cls, name, **kwargs):
        super().contribute_to_class(cls, name, **kwargs)
        post_init.connect(self.remember, sender=cls)

    def remember(self, sender, instance, **kwargs): ...

class Tags(RelatedField):
    # To many rows, and no ManyToManyField: taggit has such a one.
    many_to_many, many_to_one, one_to_many, one_to_one = True, False, False, False

    def __init__(self, to, **kwargs):
        super().__init__(rel=ManyToManyRel(self, to, through=to), **kwargs)

    def contribute_to_related_class(self, cls, related):
        pass

    def get_attname_column(self):
        return self.name, None

    def deconstruct(self):
        return self.name, "audit.Tags", [self.remote_field.model], {}
"""
MODELS = """
    import audit
    from django.db import models
    from django.db.models.signals import post_save

    def noted(sender, **kwargs): ...

    class Named(models.Model):
        name = audit.TrackedField(default="")

        class Meta:
            abstract = True

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            post_save.connect(noted, sender=cls)

    post_save.connect(noted, sender=Named)

    class Place(Named):
        pass

    class Alone(models.Model):
        class Meta:
            abstract = True

    class Animal(models.Model):
        pass

    class Dog(Animal):
        pass

    class Cat(Animal):
        pass

    class Note(models.Model):
        animal = models.ForeignKey(Animal, models.CASCADE, related_name="notes")

    class Room(models.Model):
        pass

    class Suite(Room):
        pass

    class Urgent(Room):
        class Meta:
            proxy = True
"""

RECEIVERS_OF_TAGS = """
    from django.db.models.signals import post_delete
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_delete, sender=Dog)
    def count_tags(sender, instance, **kwargs):
        print(instance.tags)

    @receiver(post_delete, sender=Animal)
    def say_goodbye(sender, instance, **kwargs):
        print(instance.notes.all())
"""


@pytest.fixture
def shop(project: Project) -> Project:
    package = project.root / "site-packages" / "audit"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    return project.write(SETTINGS, models=MODELS)


def test_code_that_connects_for_each_class_in_turn_does_so_for_abstract_ones_too(shop: Project) -> None:
    shop.write(SETTINGS, receivers="from shop.models import *\npost_save.connect(audit.log_save, sender=Alone)")
    printed = shop.command("-m", "django", "check", "--tag", "signal_monitor")
    assert printed.count("never sends") == 1
    assert "log_save" in printed
    assert "sender=Alone" in printed


def test_rows_of_a_base_are_no_evidence_for_receivers_of_what_inherits_it(shop: Project) -> None:
    shop.run("""
        from django.db.models.signals import post_save
        from shop.models import *
        def page(sender, **kwargs): ...
        post_save.connect(page, sender=Urgent)
        def clean(sender, **kwargs): ...
        post_save.connect(clean, sender=Suite)
        Room.objects.create()
        Place.objects.create()
    """)
    (message,) = found(shop)
    assert message == (
        "`page` (act.py:5) did not run for 1 of 1 dispatches of `post_save`: it is connected for `Urgent`, and "
        "`<module>` (act.py:9) sends `Room`, which it is a proxy of."
    )
    assert "1 finding: 1 hint." in shop.command("-m", "django", "signals", "doctor", "--fail-level", "warning")


def test_a_package_with_which_some_of_the_related_models_are_registered_is_not_told(shop: Project) -> None:
    shop.run("""
        import audit
        from shop.models import *
        audit.register(Animal)
        Cat.objects.create()
        Place.objects.create()
    """)
    assert [message.partition(" ")[0] for message in found(shop)] == ["`log_save`"]
    shop.forget()
    shop.run("""
        import audit
        from shop.models import *
        audit.register(Animal)
        audit.register(Dog)
        Cat.objects.create()
        Place.objects.create()
    """)
    assert found(shop) == set()


def test_deletes_that_a_package_needs_row_by_row_are_not_told(shop: Project) -> None:
    shop.run("""
        import audit
        from django.db.models.signals import post_delete
        from shop.models import *
        audit.register(Place)
        def all_models(sender, **kwargs): ...
        post_delete.connect(all_models)
        Place.objects.bulk_create([Place() for _ in range(120)])
        Place.objects.all().delete()
    """)
    assert "turns-fast-deletes-off" not in shop.messages_there()


def test_a_field_of_a_packages_own_kind_keeps_no_rule_from_its_work(shop: Project) -> None:
    models = MODELS.replace("class Dog(Animal):\n        pass", "class Dog(Animal):\n        tags = audit.Tags(Animal)")
    shop.write(SETTINGS, models=models, receivers=RECEIVERS_OF_TAGS)
    printed = shop.command(
        "-c",
        "import django; django.setup(); from signal_monitor.findings.static import *\n"
        "print([each.message for each in findings_here()])",
    )
    assert "failed" not in printed
    assert "`say_goodbye` (receivers.py:10) reads `Animal.notes` and finds nothing" in printed
