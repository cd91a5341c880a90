"""Mistakes that do too much work."""

from __future__ import annotations

import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location

from django.db import connection
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext

from demo.pitfalls.mistakes import receipts
from demo.pitfalls.models import Course, Draft, Press
from demo.pitfalls.pitfall import Pitfall
from demo.pitfalls.receivers import audit_delete
from demo.pitfalls.signals import receipt_due

SECOND_PATH = "pitfalls.mistakes.receipts"
LEAVERS = 120
_importing = threading.Lock()
_auditing = threading.Lock()


def save_draft() -> str:
    """Save a draft whose receiver saves it again."""
    draft = Draft.objects.create(title="Handbook")
    version = draft.version
    draft.delete()
    return f"The draft was saved once, and came out as version {version}."


def send_receipt() -> str:
    """Import the receivers' module under a second path, and send."""
    _import_again()
    names = [receiver.__name__ for receiver, _ in receipt_due.send(sender=Press)]
    plain, unique = names.count("send_receipt"), names.count("send_receipt_once")
    return (
        f"You get {plain} receipts from send_receipt, and {unique} from the receiver with a dispatch_uid. One file was "
        f"imported as {receipts.__name__} and as {SECOND_PATH}."
    )


def _import_again() -> None:
    with _importing:
        spec = spec_from_file_location(SECOND_PATH, receipts.__file__)
        if SECOND_PATH in sys.modules or spec is None or spec.loader is None:
            return
        sys.modules[SECOND_PATH] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[SECOND_PATH])


def delete_leavers() -> str:
    """Delete the same number of rows twice, the second time with a receiver of pre_delete for all models."""
    with _auditing:
        before = _queries_of_delete()
        post_delete.connect(audit_delete)
        try:
            after = _queries_of_delete()
        finally:
            post_delete.disconnect(audit_delete)
    return (
        f"To delete {LEAVERS} rows took {before} query; with the receiver, {after}, and every row was loaded to be "
        "announced."
    )


def _queries_of_delete() -> int:
    course = Course.objects.with_members("Signals for leavers", LEAVERS)
    with CaptureQueriesContext(connection) as queries:
        course.members.all().delete()
    # Without the queries that begin and end the transaction.
    return sum(query["sql"].startswith(("SELECT", "DELETE")) for query in queries.captured_queries)


PITFALLS = (
    Pitfall(
        slug="saves-inside-post-save",
        title="A receiver that saves inside post_save",
        button="Save a draft",
        story="number_draft saves the instance that was just saved, which sends post_save, which runs number_draft. A "
        "guard ends it here after five rounds; without one it ends in a RecursionError.",
        look_for="Open one of its dispatches: six are nested in each other, down to depth 5.",
        culprit="demo.pitfalls.receivers.number_draft",
        fall=save_draft,
    ),
    Pitfall(
        slug="imported-twice",
        title="A receivers module imported under two paths",
        button="Send a receipt",
        story="The same file is imported as demo.pitfalls.mistakes.receipts and as pitfalls.mistakes.receipts. Each "
        "import makes a function of its own, and both are connected. A dispatch_uid makes the second connect() do "
        "nothing.",
        look_for="Open the dispatch: send_receipt is there twice, from two modules and one file; send_receipt_once, "
        "which has a dispatch_uid, is there once.",
        culprit="demo.pitfalls.mistakes.receipts.send_receipt",
        others=(f"{SECOND_PATH}.send_receipt",),
        fall=send_receipt,
    ),
    Pitfall(
        slug="turns-fast-deletes-off",
        title="A receiver on post_delete of every model",
        button="Delete 120 leavers",
        story="As long as nobody listens, Django deletes a queryset with one query. One receiver of post_delete "
        "without a sender, and all deletes of all models have to load their rows, to send the signal for each.",
        look_for="audit_delete was called 120 times more, once for each row. The receiver is connected only for the "
        "time of the demonstration.",
        culprit="demo.pitfalls.receivers.audit_delete",
        fall=delete_leavers,
    ),
)
