"""Under ``opentelemetry-instrument``: real processes of a project with real exporters, the app listed or not."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from signal_monitor.instrumentor import SignalInstrumentor
from signal_monitor.telemetry.metrics import DISPATCH_DURATION, RECEIVER_DURATION
from tests.support.collector import OTLPCollector, Point, Span
from tests.support.matrix import with_more
from tests.support.servers import wait_until

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parent / "plain_project"
PROGRAMS = Path(sys.executable).parent
# opentelemetry-distro brings no more than this; where it is not installed, this stands for it.
DISTRO = {
    "stand_in.py": "from opentelemetry.sdk._configuration import _OTelSDKConfigurator\n"
    "class ReceiverProxy(_OTelSDKConfigurator): ...\n",
    "stand_in-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: stand-in\nVersion: 1\n",
    "stand_in-1.dist-info/entry_points.txt": "[opentelemetry_configurator]\nstand_in = stand_in:ReceiverProxy\n",
}
# What has been set for the tests is not the project's.
FOREIGN = re.compile(r"OTEL_|PYTHONPATH|PYTHONDEVMODE|PYTHONWARNINGS|DJANGO_SETTINGS_MODULE|(DEMO|TESTS|SHOP)_")
WORK = {
    "send ordered": "work",
    "receive shop.reserve": "send ordered",
    "receive shop.note": "send ordered",
    "send shipped": "receive shop.reserve",
    "receive shop.post": "send shipped",
}
"""The spans of the project's work, and their parents."""
ORDER = {**WORK, "send ordered": "GET order/"}
UNLISTED, LISTED = "shop.settings", "shop.listed"


@dataclass
class Done:
    """What a process answered, printed and sent."""

    answers: dict[str, Any]
    errors: str
    collector: OTLPCollector

    @property
    def spans(self) -> list[Span]:
        """The monitor's spans."""
        return [span for span in self.collector.spans if span.scope == "signal_monitor"]

    @property
    def points(self) -> list[Point]:
        """The last points of the monitor's metrics."""
        return [point for point in self.collector.latest() if point.scope == "signal_monitor"]

    def parents(self) -> Counter[tuple[str, str]]:
        """The monitor's spans and their parents' names, and how often they came."""
        names = {span.span_id: span.name for span in self.collector.spans}
        return Counter((span.name, names[span.parent_id]) for span in self.spans)

    def counts(self, metric: str, attribute: str) -> dict[str, int]:
        """How many measurements a histogram has, by one of its attributes."""
        return {point.attributes[attribute]: point.count for point in self.points if point.metric == metric}


Run = Callable[..., Done]


@pytest.fixture
def environment(otlp_collector: OTLPCollector, tmp_path: Path) -> dict[str, str]:
    """Where a process of the project finds Python and its settings, and sends to."""
    if importlib.util.find_spec("opentelemetry.distro") is None:
        for name, text in DISTRO.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
    return {
        **{name: value for name, value in os.environ.items() if not FOREIGN.match(name)},
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
        "HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": UNLISTED,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_collector.base_endpoint,
    }


@pytest.fixture
def run(otlp_collector: OTLPCollector, environment: dict[str, str]) -> Run:
    """Runs the project's work in a process of its own."""

    def process(*steps: str, **variables: str) -> Done:
        done = subprocess.run(
            [PROGRAMS / "opentelemetry-instrument", "python", "manage.py", "work", *steps],
            capture_output=True,
            text=True,
            timeout=240,
            env={name: value for name, value in (environment | variables).items() if value},
            cwd=PROJECT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Done(json.loads(done.stdout), done.stderr, otlp_collector)

    return process


def test_entry_point_names_the_instrumentor() -> None:
    """Where this alone fails, the project was installed before it had an entry point: install it anew."""
    [found] = entry_points(group="opentelemetry_instrumentor", name="django_signals")
    assert found.load() is SignalInstrumentor


@pytest.mark.parametrize("settings", [UNLISTED, LISTED])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_command_sends_spans_and_metrics_once(
    run: Run, otlp_collector: OTLPCollector, settings: str, protocol: str
) -> None:
    endpoint = otlp_collector.grpc_endpoint if protocol == "grpc" else otlp_collector.base_endpoint
    exporting = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    done = run("request", "asend", DJANGO_SETTINGS_MODULE=settings, **exporting)

    assert done.errors == ""
    assert done.parents() == Counter([*ORDER.items(), *WORK.items()])
    requests = {"django.core.signals.request_started": 1, "django.core.signals.request_finished": 1}
    dispatches = done.counts(DISPATCH_DURATION, "django.signal.name")
    assert dispatches == {"shop.signals.ordered": 2, "shop.signals.shipped": 2, **requests}
    receivers = done.counts(RECEIVER_DURATION, "code.function.name")
    assert [receivers[f"shop.receivers.{name}"] for name in ("reserve", "note", "post")] == [2, 2, 2]


def test_command_imports_no_more_than_it_needs(run: Run) -> None:
    done = run("request", "modules")

    needless = ("channels", "daphne", "signal_monitor.apps", "signal_monitor.dashboard", "signal_monitor.stores")
    assert "signal_monitor.instrumentor" in done.answers["modules"]
    assert [name for name in done.answers["modules"] if f"{name}.".startswith(tuple(f"{it}." for it in needless))] == []


def test_command_leaves_the_dashboard_its_records(run: Run) -> None:
    done = run("span", "asend", "counted", DJANGO_SETTINGS_MODULE=LISTED)

    assert done.answers["counted"] == {"shop.signals.ordered": 2, "shop.signals.shipped": 2}


@pytest.mark.parametrize(
    ("disabled", "settings"),
    with_more(
        [("celery , django_signals ", LISTED), ("*", UNLISTED)],
        [
            ("django_signals", LISTED),
            ("django_signals", UNLISTED),
            ("celery , django_signals ", UNLISTED),
            ("*", LISTED),
        ],
    ),
)
def test_disabled_instrumentation_is_off(run: Run, disabled: str, settings: str) -> None:
    counted = ["counted"] if settings == LISTED else []
    done = run("span", *counted, DJANGO_SETTINGS_MODULE=settings, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled)

    assert ([span.name for span in done.collector.spans], done.errors) == (["work"], "")
    assert (done.spans, done.points) == ([], [])
    if counted:
        assert done.answers["counted"] == {"shop.signals.ordered": 1, "shop.signals.shipped": 1}


@pytest.mark.parametrize("settings", with_more([LISTED], [UNLISTED]))
def test_disabled_sdk_sends_nothing(run: Run, settings: str) -> None:
    done = run("request", "asend", DJANGO_SETTINGS_MODULE=settings, OTEL_SDK_DISABLED="true")

    assert (done.collector.spans, done.collector.points, done.errors) == ([], [], "")
    assert done.answers["request"] == 200


@pytest.mark.parametrize("sampler", with_more(["parentbased_traceidratio"], ["always_off", "parentbased_always_off"]))
def test_sampler_that_drops_all_leaves_the_metrics(run: Run, sampler: str) -> None:
    done = run("request", "span", OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="0")

    assert (done.collector.spans, done.errors) == ([], "")
    assert done.counts(DISPATCH_DURATION, "django.signal.name")["shop.signals.ordered"] == 2


def test_resource_is_the_environments(run: Run) -> None:
    named = {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,shop.till=7"}
    done = run("span", **named)

    assert len(done.spans) == len(WORK)
    assert done.points
    for resource in [*(span.resource for span in done.spans), *(point.resource for point in done.points)]:
        assert (resource["service.name"], resource["shop.till"]) == ("shop", "7")
        assert resource["deployment.environment.name"] == "test"


@pytest.mark.parametrize(("propagators", "continued"), [("tracecontext", True), ("baggage", False)])
def test_propagators_are_the_environments(run: Run, propagators: str, *, continued: bool) -> None:
    done = run("remote", OTEL_PROPAGATORS=propagators)

    [trace_id] = {span.trace_id for span in done.collector.spans}
    assert len(done.spans) == len(ORDER)
    assert (trace_id == "0af7651916cd43dd8448eb211c80319c") == continued


def run_before_settings(run: Run, *steps: str, **monitor: Any) -> Done:
    """Run where nothing says which settings there will be until ``manage.py`` does."""
    # Django's own instrumentation asks for settings, and makes its own where there are none.
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "django"}
    return run(*steps, DJANGO_SETTINGS_MODULE="", SHOP_SIGNAL_MONITOR=json.dumps(monitor), **disabled)


def test_settings_are_followed_once_there_are_settings(run: Run) -> None:
    done = run_before_settings(run, "span", "asend", SPANS_EXCLUDE=["shop.receivers.note"])

    expected = {name: parent for name, parent in WORK.items() if name != "receive shop.note"}
    assert done.parents() == Counter([*expected.items(), *expected.items()])
    assert done.errors == ""


@pytest.mark.parametrize("settings", with_more([LISTED], [UNLISTED]))
@pytest.mark.parametrize(
    ("monitor", "spans", "metrics"),
    [({"SPANS_PER_TRACE": 0}, 0, 2), ({"METRICS": False}, len(WORK), 0), ({"ENABLED": False}, 0, 0)],
    ids=["SPANS_PER_TRACE", "METRICS", "ENABLED"],
)
def test_settings_switch_off(run: Run, settings: str, monitor: dict[str, Any], spans: int, metrics: int) -> None:
    done = run_before_settings(run, "span", f"--settings={settings}", **monitor)

    assert len(done.spans) == spans
    assert len(done.counts(DISPATCH_DURATION, "django.signal.name")) == metrics
    assert done.errors == ""


def test_wrong_settings_are_told_once(run: Run) -> None:
    done = run_before_settings(run, "span", "asend", SPAN_EXCLUDE={})

    assert done.errors.count("The signal monitor failed") == done.errors.count("Traceback") == 1
    assert "unknown key 'SPAN_EXCLUDE'" in done.errors
    assert done.parents() == Counter([*WORK.items(), *WORK.items()])


def test_forked_child_sends_its_spans(run: Run) -> None:
    done = run("span", "fork")

    assert (done.answers["fork"], done.errors) == (0, "")
    assert done.parents() == Counter([*WORK.items(), *WORK.items()])
    processes = {point.resource["service.instance.id"] for point in done.points if point.metric == DISPATCH_DURATION}
    assert len(processes) == 2


@contextmanager
def gunicorn(environment: dict[str, str], log: Path) -> Iterator[str]:
    """The project under gunicorn, loaded before it forks its workers; yields the address."""
    command = ["gunicorn", "--preload", "--workers=2", "--bind=127.0.0.1:0", "shop.wsgi"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [PROGRAMS / "opentelemetry-instrument", *command], stderr=output, env=environment, cwd=PROJECT
        )
        try:
            assert wait_until(lambda: log.read_text().count("Booting worker") == 2), log.read_text()
            found = re.search(r"Listening at: (\S+)", log.read_text())
            yield found[1] if found else ""
        finally:
            server.terminate()
            server.wait(60)


def test_prefork_workers_send_their_spans(
    environment: dict[str, str], otlp_collector: OTLPCollector, tmp_path: Path
) -> None:
    with gunicorn(environment, tmp_path / "log") as address:
        for _ in range(2):
            with urllib.request.urlopen(f"{address}/order/") as response:  # noqa: S310 - our own server
                assert response.status == 200
        spans = otlp_collector.wait_for(2 * (len(ORDER) + 1))

    done = Done({}, (tmp_path / "log").read_text(), otlp_collector)
    assert done.parents() == Counter([*ORDER.items(), *ORDER.items()])
    assert len({span.trace_id for span in spans}) == 2
    assert "Traceback" not in done.errors
