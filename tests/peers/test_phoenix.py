"""The spans of a real program, exported by the real exporters, as Phoenix has understood them.

Opt-in, as Phoenix is some 800 MB: ``pytest -m peer``. The first run installs it into a virtual environment that is kept
in the user's cache directory; where ``PHOENIX_PYTHON`` names a Python, that one is expected to have it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.servers import ROOT, wait_until

from .phoenix import INSTALL_SECONDS, START_SECONDS, Phoenix, running_phoenix

pytestmark = [pytest.mark.peer, pytest.mark.timeout(INSTALL_SECONDS + 2 * START_SECONDS)]

REQUEST = "GET orders/"
PLACED = "send placed"
RESERVED = "send reserved"
RESERVE = "receive peers.shop.reserve"
NOTIFY = "receive peers.shop.notify"
COUNT_STOCK = "receive peers.shop.count_stock"
PARENTS = {
    REQUEST: None,
    PLACED: REQUEST,
    RESERVE: PLACED,
    NOTIFY: PLACED,
    RESERVED: RESERVE,
    COUNT_STOCK: RESERVED,
}
Spans = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def phoenix(request: pytest.FixtureRequest) -> Iterator[Phoenix]:
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            request.config.get_terminal_writer().line(text)

    with running_phoenix(tell) as phoenix:
        yield phoenix


@pytest.fixture(scope="module", params=["http", "grpc"])
def spans(request: pytest.FixtureRequest, phoenix: Phoenix) -> Spans:
    """What Phoenix has of one run of the program, by name."""
    project = f"shop-{uuid.uuid4()}"
    run_program(request.param, phoenix.endpoint(request.param), project)
    # Phoenix acknowledges spans before it writes them.
    wait_until(lambda: len(phoenix.spans(project)) >= len(PARENTS))
    kept = phoenix.spans(project)
    assert sorted(span["name"] for span in kept) == sorted(PARENTS)
    return {span["name"]: span for span in kept}


def run_program(protocol: str, endpoint: str, project: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    environment["OTEL_RESOURCE_ATTRIBUTES"] = f"openinference.project.name={project}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.peers.program", protocol],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["placed"]), done.stderr


def test_spans_are_one_trace_with_their_parents(spans: Spans) -> None:
    names = {span["context"]["span_id"]: name for name, span in spans.items()}

    assert len({span["context"]["trace_id"] for span in spans.values()}) == 1
    assert {name: names.get(span["parent_id"]) for name, span in spans.items()} == PARENTS
    assert spans[REQUEST]["parent_id"] is None


@pytest.mark.parametrize(
    ("name", "signal", "method", "failed"),
    [(PLACED, "tests.peers.shop.placed", "send_robust", 1), (RESERVED, "tests.peers.shop.reserved", "send", 0)],
)
def test_dispatch_says_what_was_sent(spans: Spans, name: str, signal: str, method: str, failed: int) -> None:
    attributes = spans[name]["attributes"]

    assert attributes["django.signal.name"] == signal
    assert attributes["django.signal.method"] == method
    assert attributes["django.signal.sender"] == "tests.peers.shop.Order"
    assert attributes["django.signal.receivers.failed"] == failed


@pytest.mark.parametrize(
    ("name", "signal", "outcome", "error"),
    [
        (RESERVE, "tests.peers.shop.placed", "ok", None),
        (NOTIFY, "tests.peers.shop.placed", "swallowed", "ConnectionError"),
        (COUNT_STOCK, "tests.peers.shop.reserved", "ok", None),
    ],
)
def test_receiver_says_how_it_ended(spans: Spans, name: str, signal: str, outcome: str, error: str | None) -> None:
    attributes = spans[name]["attributes"]

    assert attributes["code.function.name"] == name.removeprefix("receive ")
    assert attributes["django.signal.name"] == signal
    assert attributes["django.signal.receiver.outcome"] == outcome
    assert attributes.get("error.type") == error


def test_only_the_receiver_that_failed_is_an_error(spans: Spans) -> None:
    statuses = {name: span["status_code"] for name, span in spans.items()}

    assert statuses == {**dict.fromkeys(PARENTS, "UNSET"), NOTIFY: "ERROR"}


def test_exception_is_one_event_of_the_receiver_that_failed(spans: Spans) -> None:
    (event,) = [event for span in spans.values() for event in span["events"]]

    assert spans[NOTIFY]["events"] == [event]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.type"] == "ConnectionError"
    assert event["attributes"]["exception.message"] == "no post today"
    assert 'raise ConnectionError("no post today")' in event["attributes"]["exception.stacktrace"]
