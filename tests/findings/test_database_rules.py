"""Rules about database work: R211's queries, R220 to R225, in processes of their own."""

from __future__ import annotations

from tests.support.projects import Project

MODELS = """
    from django.db import models
    from shop.signals import issued

    class Course(models.Model):
        title = models.TextField(default="")

    class Member(models.Model):
        course = models.ForeignKey(Course, models.CASCADE, related_name="members")

    class Shelf(models.Model):
        name = models.TextField(default="")

    class Book(models.Model):
        shelf = models.ForeignKey(Shelf, models.CASCADE)

    class Seat(models.Model):
        number = models.IntegerField(unique=True)

    class Booking(models.Model):
        careful = models.BooleanField(default=False)

    class Payment(models.Model):
        slow = models.BooleanField(default=False)

    class Certificate(models.Model):
        def save(self, *args, **kwargs):
            issued.send(sender=self.__class__, instance=self)
            super().save(*args, **kwargs)

    class Diploma(models.Model):
        def save(self, *args, **kwargs):
            super().save(*args, **kwargs)
            issued.send(sender=self.__class__, instance=self)
"""
SIGNALS = "from django.dispatch import Signal\nrolled, issued, shown = Signal(), Signal(), Signal()\n"
RECEIVERS = """
    import time
    from django.core.mail import send_mail
    from django.db import IntegrityError, transaction
    from django.db.models.signals import post_init, post_save
    from django.dispatch import receiver
    from shop.models import Book, Booking, Course, Member, Payment, Seat
    from shop.signals import issued, rolled, shown

    @receiver(rolled)
    def list_members(sender, **kwargs):
        return [member.course.title for member in Member.objects.all()]

    @receiver(shown)
    def list_joined(sender, **kwargs):
        return [member.course.title for member in Member.objects.select_related("course")]

    @receiver(post_init, sender=Book)
    def remember_shelf(sender, instance, **kwargs):
        instance.shelf_name = instance.shelf.name

    @receiver(post_init, sender=Member)
    def copy_state(sender, instance, **kwargs):
        instance.before = dict(instance.__dict__)

    @receiver(post_save, sender=Booking)
    def take_seat(sender, instance, **kwargs):
        try:
            if instance.careful:
                with transaction.atomic():
                    Seat.objects.create(number=1)
            else:
                Seat.objects.create(number=1)
        except IntegrityError:
            pass

    @receiver(post_save, sender=Payment)
    def ask_bank(sender, instance, **kwargs):
        if instance.slow:
            time.sleep(getattr(instance, "pause", 0.25))

    @receiver(post_save, sender=Payment)
    def mail_receipt(sender, instance, **kwargs):
        send_mail("Your receipt", "Thank you", None, ["ada@example.org"])

    @receiver(issued)
    def look_up(sender, instance, **kwargs):
        sender.objects.get(pk=instance.pk)
"""
VIEWS = """
    from django.db import transaction
    from django.http import HttpResponse
    from shop.models import Book, Booking, Certificate, Diploma, Payment
    from shop.signals import rolled, shown

    def view_roll(request):
        rolled.send(sender=None)
        shown.send(sender=None)
        return HttpResponse()

    def view_books(request):
        return HttpResponse(str([book.shelf_name for book in Book.objects.all()]))

    def view_book(request):
        with transaction.atomic():
            Booking.objects.create()
            Booking.objects.count()
        return HttpResponse()

    def view_book_silently(request):
        with transaction.atomic():
            Booking.objects.create()
        return HttpResponse(str(Booking.objects.count()))

    def view_book_carefully(request):
        with transaction.atomic():
            Booking.objects.create(careful=True)
            Booking.objects.count()
        return HttpResponse()

    def view_pay(request):
        with transaction.atomic():
            Payment.objects.create(slow=True)
        return HttpResponse()


    def view_pay_in_vain(request):
        with transaction.atomic():
            Payment.objects.create()
            transaction.set_rollback(True)
        return HttpResponse()

    def view_pay_quickly(request):
        with transaction.atomic():
            Payment.objects.create()
        return HttpResponse()

    def view_certificate(request):
        try:
            Certificate().save()
        except Certificate.DoesNotExist:
            return HttpResponse("no certificate")

    def view_diploma(request):
        Diploma().save()
        return HttpResponse()

    def view_pay_alone(request):
        payment = Payment(slow=True)
        payment.pause = 0.15
        payment.save()
        return HttpResponse()

    def view_pay_together(request):
        with transaction.atomic():
            return view_pay_alone(request)
"""
ROWS = """
    from shop.models import Book, Course, Member, Seat, Shelf
    course = Course.objects.create()
    Member.objects.bulk_create([Member(course=course) for _ in range(15)])
    Book.objects.bulk_create([Book(shelf=Shelf.objects.create()) for _ in range(12)])
    Seat.objects.create(number=1)
"""


def shop(project: Project) -> Project:
    """A shop with some rows, whose store has forgotten how they were made."""
    more = 'EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"'
    import django

    if django.VERSION >= (6, 1):
        more = 'MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}'
    project.write(more, models=MODELS, signals=SIGNALS, receivers=RECEIVERS, views=VIEWS)
    return project.prepare(ROWS)


def test_one_query_for_each_row_is_found_and_a_join_is_not(project: Project) -> None:
    shop(project).run("get('/view_roll/')")
    (finding,) = project.findings().values()
    assert finding.name == "alike-queries"
    assert finding.message.startswith(
        "`list_members` (receivers.py:10) makes 16 queries in one call, of which 15 are alike on `shop_course`: "
    )


def test_queries_while_rows_are_loaded_are_found_and_copies_are_not(project: Project) -> None:
    shop(project).run("get('/view_books/'); get('/view_roll/')")
    found = project.findings()
    assert set(found) == {"alike-queries", "init-queries"}
    assert found["init-queries"].message == (
        "`remember_shelf` (receivers.py:18) makes one query for each `Book` that is loaded: 12 of the 13 queries of "
        "`GET /view_books/`."
    )


def test_a_transaction_that_is_left_broken_is_found_and_a_savepoint_is_not(project: Project) -> None:
    shop(project).run("get('/view_book_carefully/')")
    assert project.findings() == {}
    project.run("get('/view_book/')")
    (finding,) = project.findings().values()
    assert finding.name == "broken-transaction"
    assert finding.message.startswith("`take_seat` (receivers.py:26) caught a database error inside the transaction")
    assert finding.message.endswith("left it broken, in 1 of 2 calls; 1 of 1 such requests failed afterwards.")


def test_a_broken_transaction_without_another_query_loses_its_rows_silently(project: Project) -> None:
    shop(project).run("assert get('/view_book_silently/').content == b'0'")
    message = project.findings()["broken-transaction"].message
    assert message.endswith("in 1 of 1 calls; no request failed, and the rows were silently rolled back.")
    project.run("get('/view_book/'); get('/view_book_silently/')")
    message = project.findings()["broken-transaction"].message
    assert message.endswith(
        "in 3 of 3 calls; 1 of 3 such requests failed afterwards, and the rows of 2 were silently rolled back."
    )


def test_calls_that_are_only_counted_may_have_broken_a_transaction_too(project: Project) -> None:
    shop(project).run("get('/view_book_silently/')")
    project.monitor = {"SAMPLE_PER_SECOND": 1}
    project.write().run("for _ in range(30): get('/view_book_carefully/')")
    message = project.findings()["broken-transaction"].message
    assert "left it broken, in at least 1 of 31 calls; " in message


def test_a_transaction_that_is_held_open_is_found(project: Project) -> None:
    shop(project).run("get('/view_pay_quickly/'); get('/view_pay/')")
    found = project.findings()
    assert set(found) == {"held-transaction"}
    assert found["held-transaction"].message.startswith(
        "`ask_bank` (receivers.py:37) held the transaction of `GET /view_pay/` open for "
    )
    assert found["held-transaction"].message.endswith(" ms, sleeping.")
    assert found["held-transaction"].cost_ns >= 250e6
    project.run("get('/view_pay/')")
    assert project.findings()["held-transaction"].cost_ns >= 500e6


def test_a_receiver_that_is_slow_in_a_transaction_once_and_outside_once_is_slow(project: Project) -> None:
    shop(project).run("get('/view_pay_together/'); get('/view_pay_alone/')")
    assert set(project.findings()) == {"slow-receiver"}
    project.run("get('/view_pay_together/')")
    assert set(project.findings()) == {"held-transaction"}


def test_mail_for_what_was_rolled_back_is_found_and_for_what_was_committed_is_not(project: Project) -> None:
    shop(project).run("get('/view_pay_quickly/')")
    assert project.findings() == {}
    project.run("get('/view_pay_in_vain/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`mail_receipt` (receivers.py:42) sent or queued 1 mail in 1 transaction that was rolled back: the rows are "
        "gone, and these are not."
    )


def test_a_signal_that_save_sends_before_it_saves_is_found(project: Project) -> None:
    shop(project).run("get('/view_diploma/')")
    assert project.findings() == {}
    project.run("get('/view_certificate/')")
    (finding,) = project.findings().values()
    assert "`Certificate.save()` sends `issued` (models.py:28) before it calls `super().save()`." in finding.message
