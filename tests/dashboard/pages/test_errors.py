"""The page of errors: grouped by type and line, swallowed ones marked, tracebacks at hand."""

from __future__ import annotations

from django.test import Client

from signal_monitor.records import Failure, Frame, Outcome, ReceiverCall
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import get_json, parts
from tests.dashboard.examples import ERROR_MARKUP, RESERVE_STOCK, SEND_MAIL, dispatch, process

OWN = Frame("/srv/shop/orders/receivers.py", 31, "send_mail")
LIBRARY = Frame("/srv/venv/lib/python3.13/site-packages/mailer/send.py", 7, "send")


def failed(receiver: str, outcome: Outcome, failure: Failure, index: int = 0) -> ReceiverCall:
    return ReceiverCall(receiver, index, duration_ns=1, outcome=outcome, failure=failure)


def refused(line: int = 31, message: str = "refused") -> Failure:
    return Failure("mailer.Refused", message, (Frame(OWN.path, line, OWN.function), LIBRARY))


def test_errors_are_grouped_by_receiver_type_and_line(quiet_store: Store, client: Client) -> None:
    timeout = Failure("TimeoutError", "no answer", (Frame(OWN.path, 40, "send_mail"),))
    calls = [
        failed(SEND_MAIL, "swallowed", refused(message="refused the first")),
        failed(SEND_MAIL, "swallowed", refused(message="refused the second")),
        failed(SEND_MAIL, "raised", timeout),
        failed(RESERVE_STOCK, "swallowed", refused()),
    ]
    dispatches = [dispatch(f"d{number}", call, started_at=1e9 + number) for number, call in enumerate(calls)]
    quiet_store.write(Batch(process(), dispatches=dispatches))

    found = get_json(client, "errors", period="all")["errors"]
    assert [(row["receiver"], row["failure"]["type"], row["count"], row["swallowed"]) for row in found] == [
        (SEND_MAIL, "mailer.Refused", 2, 2),
        (RESERVE_STOCK, "mailer.Refused", 1, 1),
        (SEND_MAIL, "TimeoutError", 1, 0),
    ]
    assert (found[0]["last_dispatch"], found[0]["failure"]["message"]) == ("d1", "refused the second")
    text = parts("errors", period="all").text
    assert "4 errors of receivers, 3 of them swallowed" in text


def test_line_of_the_projects_own_code_is_shown(quiet_store: Store, client: Client) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d", failed(SEND_MAIL, "raised", refused()))]))

    (row,) = get_json(client, "errors")["errors"]
    assert (row["path"], row["line"]) == (OWN.path, 31)
    html = client.get("/signals/errors/").content.decode().replace("<wbr>", "")
    assert f'<li class="own"><span class="place">{OWN.path}:31' in html
    assert f'<li><span class="place">{LIBRARY.path}:7' in html


def test_each_failed_call_of_a_dispatch_counts(quiet_store: Store, client: Client) -> None:
    calls = [failed(SEND_MAIL, "swallowed", refused()), failed(RESERVE_STOCK, "swallowed", refused(), 1)]
    quiet_store.write(Batch(process(), dispatches=[dispatch("d", *calls, method="send_robust")]))

    assert {row["receiver"] for row in get_json(client, "errors")["errors"]} == {SEND_MAIL, RESERVE_STOCK}
    assert "2 errors of receivers, all swallowed" in parts("errors").text


def test_errors_are_filtered_by_who_noticed(quiet_store: Store, client: Client) -> None:
    calls = [failed(SEND_MAIL, "raised", refused()), failed(RESERVE_STOCK, "swallowed", refused())]
    dispatches = [dispatch(f"d{number}", call) for number, call in enumerate(calls)]
    quiet_store.write(Batch(process(), dispatches=dispatches))

    found = get_json(client, "errors", show="swallowed")["errors"]
    assert [row["receiver"] for row in found] == [RESERVE_STOCK]
    html = client.get("/signals/errors/?show=swallowed").content.decode()
    assert "Raised <small>1</small>" in html
    assert html.count('class="spark"') == 1
    assert 'rect class="failed"' in html


def test_no_errors(quiet_store: Store) -> None:
    assert "No receiver failed in this period." in parts("errors").text


def test_markup_of_an_error_is_text(shop: Store, client: Client) -> None:
    html = client.get("/signals/errors/").content.decode()
    assert ERROR_MARKUP not in html
    assert "&lt;script&gt;" in html
