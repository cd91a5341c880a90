"""Rules about what model signals say of rows: R226 to R231, in processes of their own."""

from __future__ import annotations

import json

import django

from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Product(models.Model):
        price = models.IntegerField(default=0)
        season = models.TextField(default="")

    class Other(models.Model):
        price = models.IntegerField(default=0)

    class Leaver(models.Model):
        pass

    class Tag(models.Model):
        pass

    class Tagged(models.Model):
        tags = models.ManyToManyField(Tag)

    class Hidden(models.Model):
        pass

    class OfHidden(models.Model):
        hidden = models.ForeignKey(Hidden, models.CASCADE, related_name="+")

    class Kept(models.Model):
        pass

    class OfKept(models.Model):
        kept = models.ForeignKey(Kept, models.SET_NULL, null=True, related_name="+")

    class Untouched(models.Model):
        pass

    class OfUntouched(models.Model):
        untouched = models.ForeignKey(Untouched, models.DO_NOTHING, related_name="+")

    class Parent(models.Model):
        pass

    class Child(Parent):
        pass

    class Member(models.Model):
        pass

    class Badge(models.Model):
        member = models.OneToOneField(Member, models.CASCADE)

    class Article(models.Model):
        title = models.TextField(default="")
        slug = models.TextField(default="")
        seen = models.IntegerField(default=0)

    class Deed(models.Model):
        name = models.TextField(default="")

    class Trail(models.Model):
        text = models.TextField(default="")
"""
RECEIVERS = """
    from django.contrib.auth.models import User
    from django.core.cache import cache
    from django.core.mail import send_mail
    from django.db.models.signals import post_delete, post_save, pre_save
    from django.dispatch import receiver
    from shop.models import Article, Badge, Deed, Member, Product, Trail

    @receiver(post_save, sender=Product)
    def forget_price(sender, instance, **kwargs):
        Product.objects.filter(pk=instance.pk).update(season="known")

    @receiver(post_delete)
    def audit_delete(sender, instance, **kwargs):
        pass

    @receiver(post_save, sender=User)
    def welcome(sender, instance, **kwargs):
        send_mail("Welcome", "Hello", None, ["ada@example.org"])

    @receiver(post_save, sender=User)
    def welcome_once(sender, instance, created, **kwargs):
        if created:
            send_mail("Welcome", "Hello", None, ["ada@example.org"])

    @receiver(post_save, sender=Member)
    def give_badge(sender, instance, created, **kwargs):
        if created:
            Badge.objects.get_or_create(member=instance)

    @receiver(post_save, sender=Member)
    def forget_members(sender, instance, **kwargs):
        cache.delete("members")

    @receiver(pre_save, sender=Article)
    def set_slug(sender, instance, **kwargs):
        instance.slug = instance.title.lower()

    @receiver(post_save, sender=Deed)
    def leave_trail(sender, instance, **kwargs):
        Trail.objects.create(text=instance.name)

    @receiver(post_save, sender=Deed)
    def leave_trail_there(sender, instance, using, **kwargs):
        Trail.objects.using(using).create(text=instance.name)
"""
VIEWS = """
    from django.contrib.auth import login
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from shop.models import *

    def view_write(request):
        Product.objects.bulk_create([Product(), Product()])
        Product.objects.create()
        Other.objects.bulk_create([Other()])
        Other.objects.update(price=2)
        return HttpResponse()

    def view_delete(request):
        Leaver.objects.bulk_create([Leaver() for _ in range(120)])
        Leaver.objects.all().delete()
        return HttpResponse()

    def delete_all(model):
        for _ in range(120):
            model.objects.create()
        model.objects.all().delete()

    def view_delete_with_cascades(request):
        for model in (Tag, Tagged, Hidden, Kept, Parent, Child):
            delete_all(model)
        return HttpResponse()

    def view_delete_untouched(request):
        delete_all(Untouched)
        return HttpResponse()

    def view_delete_few(request):
        Leaver.objects.bulk_create([Leaver() for _ in range(20)])
        Leaver.objects.all().delete()
        return HttpResponse()

    def view_join(request):
        login(request, User.objects.create_user("ada"))
        return HttpResponse()

    def view_article(request):
        article = Article.objects.create(title="One")
        article.seen = 1
        article.save(update_fields=["seen"])
        return HttpResponse()

    def view_rename(request):
        article = Article.objects.create(title="One")
        article.title = "Two"
        article.save(update_fields=["title"])
        return HttpResponse()

    def view_deed(request):
        Deed(name="house").save(using="archive")
        return HttpResponse()

    def view_login(request):
        login(request, User.objects.first())
        return HttpResponse()
"""


def shop(project: Project, *, archive: bool = False) -> Project:
    backend = "django.core.mail.backends.locmem.EmailBackend"
    lines = [
        f'EMAIL_BACKEND = "{backend}"'
        if django.VERSION < (6, 1)
        else f'MAILERS = {{"default": {{"BACKEND": "{backend}"}}}}'
    ]
    lines.append(
        f'DATABASES["archive"] = {{"ENGINE": "django.db.backends.sqlite3", "NAME": r"{project.root}/archive"}}'
    )
    project.write("\n".join(lines if archive else lines[:1]), models=MODELS, receivers=RECEIVERS, views=VIEWS)
    return project.prepare(
        'call_command("migrate", run_syncdb=True, verbosity=0, database="archive")' if archive else ""
    )


def test_rows_that_were_written_in_bulk_are_a_hint(project: Project) -> None:
    shop(project).run("get('/view_write/')")
    (finding,) = project.findings().values()
    assert (finding.name, finding.level) == ("bulk-operation", "hint")
    assert finding.message == (
        "2 rows of `Product` were written without `post_save`: `bulk_create()` at views.py:8 (1 call). `forget_price` "
        "(receivers.py:9) is connected for `Product` and was not called."
    )


def test_an_update_without_a_receiver_for_new_rows_is_none(project: Project) -> None:
    shop(project).write(
        receivers="""
            from django.db.models.signals import post_save
            from django.dispatch import receiver
            from shop.models import Other, Product

            @receiver(post_save, sender=Other)
            def greet(sender, instance, created, **kwargs):
                if created:
                    print(instance)
        """,
        views="""
            from django.http import HttpResponse
            from shop.models import Other

            def view_update(request):
                Other.objects.create()
                Other.objects.update(price=2)
                return HttpResponse()

            def view_create(request):
                Other.objects.bulk_create([Other()])
                return HttpResponse()
        """,
    )
    project.run("get('/view_update/')")
    assert project.findings() == {}
    project.run("get('/view_create/')")
    assert list(project.findings()) == ["bulk-operation"]


def test_a_receiver_for_all_models_that_turns_fast_deletes_off_is_found(project: Project) -> None:
    shop(project).run("get('/view_delete_few/')")
    assert project.findings() == {}
    project.run("get('/view_delete/')")
    found = project.messages_there()
    assert "`delete()` at views.py:16 loaded 120 rows of `Leaver`, only to" in found["turns-fast-deletes-off"]
    assert "`audit_delete` (receivers.py:13)" in found["turns-fast-deletes-off"]


def test_a_model_with_cascades_has_no_fast_delete_to_lose(project: Project) -> None:
    shop(project).run("get('/view_delete_with_cascades/')")
    assert "turns-fast-deletes-off" not in project.messages_there()
    project.run("get('/view_delete_untouched/')")
    message = project.messages_there()["turns-fast-deletes-off"]
    assert "loaded 120 rows of `Untouched`" in message
    assert message.endswith("(receivers.py:13). Without it, one query would delete the rows.")


def test_mail_at_a_login_for_a_user_who_is_not_new_is_found(project: Project) -> None:
    shop(project).run("get('/view_join/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`welcome` (receivers.py:17) sent 2 mails for 1 new `User`: 1 of its 2 calls was for a row that "
        "existed already, saved by Django's `update_last_login`. It does not look at `created`."
    )


def test_mail_at_logins_only_is_for_no_new_user(project: Project) -> None:
    shop(project).prepare("from django.contrib.auth.models import User\nUser.objects.create_user('ada')")
    project.run("for _ in range(3): get('/view_login/')")
    (finding,) = project.findings().values()
    assert finding.message.startswith(
        "`welcome` (receivers.py:17) sent 3 mails, and no `User` was new: 3 of its 3 calls were for a row that existed"
    )


def test_a_receiver_that_writes_while_fixtures_are_loaded_is_found(project: Project) -> None:
    shop(project)
    rows = [{"model": "shop.member", "pk": 1, "fields": {}}]
    (project.root / "members.json").write_text(json.dumps(rows), encoding="utf-8")
    project.command("-m", "django", "loaddata", "members.json")
    (finding,) = project.findings().values()
    assert finding.message.startswith("`give_badge` (receivers.py:26) made 1 row of `shop_badge` while `")
    assert finding.message.endswith("` was loading fixtures (`raw=True`).")


def test_a_field_that_update_fields_leaves_out_is_found(project: Project) -> None:
    shop(project).run("get('/view_article/')")
    assert project.findings() == {}
    project.run("get('/view_rename/')")
    (message,) = project.messages_there().values()
    assert message.startswith("`set_slug` (receivers.py:35) sets `Article.slug`, and 1 of ")
    assert message.endswith('`update_fields=["title"]`. The row keeps its old `slug`.')


LOOK_ALIKES_OF_SLUG = """
    from django.db.models.signals import pre_save
    from django.dispatch import receiver
    from shop.models import Article

    @receiver(pre_save, sender=Article)
    def note_title(sender, instance, **kwargs):
        instance._old_title = instance.title
        instance.pk_before = instance.title

    @receiver(pre_save, sender=Article)
    def set_first_slug(sender, instance, **kwargs):
        if not instance.slug:
            instance.slug = instance.title.lower()

    @receiver(pre_save, sender=Article)
    def set_slug_if_new(sender, instance, **kwargs):
        if instance.title:
            return
        instance.slug = instance.title.lower()
"""


def test_an_attribute_that_is_no_field_and_a_field_that_is_set_sometimes_are_not_found(project: Project) -> None:
    shop(project).write(receivers=LOOK_ALIKES_OF_SLUG)
    project.run("get('/view_rename/')")
    assert project.messages_there() == {}
    assert project.findings() == {}


def test_a_receiver_that_writes_to_another_database_is_found(project: Project) -> None:
    shop(project, archive=True).run("get('/view_deed/')")
    assert project.messages_there() == {
        "other-database": "`leave_trail` (receivers.py:39) writes to `default` for rows saved to `archive` (1 of 1 "
        "calls)."
    }
