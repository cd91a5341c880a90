"""The pitfalls: each goes wrong as promised, and the monitor shows it."""

from __future__ import annotations

import pytest
from django.test import Client

from demo.pitfalls.catalogue import PITFALLS, Pitfall
from demo.pitfalls.models import KEPT, Press
from demo.tests.conftest import Recorded
from signal_monitor.records import Outcome

RECEIVERS = "demo.pitfalls.receivers"


def fall(slug: str, recorded: Recorded, receiver: str) -> dict[str, Outcome]:
    """Press the button, and answer the outcomes of its dispatch by receiver."""
    response = Client().post(f"/pitfalls/{slug}/")
    assert response.status_code == 302
    (dispatch,) = recorded(f"{RECEIVERS}.{receiver}")
    return {call.receiver.rpartition(".")[2]: call.outcome for call in dispatch.calls}


@pytest.mark.django_db
def test_slow_receiver_keeps_the_visitor_waiting(recorded: Recorded) -> None:
    assert fall("slow-receiver", recorded, "render_report") == {"render_report": "ok", "count_report": "ok"}
    assert Press.objects.get().waited_ms >= 350
    assert recorded(f"{RECEIVERS}.render_report")[0].severity == "slow"


@pytest.mark.django_db
def test_count_report_runs_after_the_slow_one(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    fall("slow-receiver", recorded, "count_report")
    assert "A report was asked for" in caplog.messages


@pytest.mark.django_db
def test_raising_receiver_stops_the_next(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    outcomes = fall("raises-under-send", recorded, "check_totals")
    assert outcomes == {"check_totals": "raised", "announce_import": "not_run"}
    assert "An import has finished" not in caplog.messages
    assert "1200 rows in the file, 1187 in the table" in Press.objects.get().what_happened


@pytest.mark.django_db
def test_swallowed_error_lets_the_next_run(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    outcomes = fall("swallowed-under-send-robust", recorded, "archive_leftovers")
    assert outcomes == {"archive_leftovers": "swallowed", "log_cleanup": "ok"}
    assert "The cleanup has finished" in caplog.messages
    assert "All seems well" in Press.objects.get().what_happened


@pytest.mark.django_db
def test_page_shows_what_came_of_the_last_press(client: Client) -> None:
    client.post("/pitfalls/raises-under-send/")
    assert "Nothing tells the visitor that a receiver raised this" in client.get("/pitfalls/").text


@pytest.mark.django_db
@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.slug)
def test_page_leads_to_the_culprit(client: Client, pitfall: Pitfall) -> None:
    page = client.get("/pitfalls/").text
    assert f'href="/signals/receivers/{pitfall.culprit}/"' in page
    assert f"/signals/live/?receiver={pitfall.culprit}&amp;" in page


@pytest.mark.django_db
def test_unknown_pitfall_is_not_found(client: Client) -> None:
    assert client.post("/pitfalls/none/").status_code == 404


@pytest.mark.django_db
def test_only_the_last_presses_are_kept() -> None:
    for _ in range(KEPT + 3):
        newest = Press.objects.keep(pitfall="slow-receiver", waited_ms=1, what_happened="")
    other = Press.objects.keep(pitfall="raises-under-send", waited_ms=1, what_happened="")
    assert Press.objects.filter(pitfall="slow-receiver").count() == KEPT
    assert list(Press.objects.all()[:2]) == [other, newest]
