"""``force_flush`` and ``shutdown`` of a provider deliver our spans, whatever its processors are."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import sys
import django
from django.conf import settings
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class OwnMultiSpanProcessor(SynchronousMultiSpanProcessor):
    pass

combined, processor, method, when = sys.argv[1:]
exporter = InMemorySpanExporter()
provider = TracerProvider(active_span_processor=globals()[combined]())
provider.add_span_processor(globals()[processor](exporter))
if when == "early":
    trace.set_tracer_provider(provider)
settings.configure(INSTALLED_APPS=["signal_monitor"], SIGNAL_MONITOR={"STORE": "memory"}, DATABASES={}, SECRET_KEY="x")
django.setup()
signal = Signal()

def receiver(**kwargs):
    with trace.get_tracer(__name__).start_as_current_span("inner"):
        pass

signal.connect(receiver)
if when == "late":
    signal.send(None)
    trace.set_tracer_provider(provider)
with trace.get_tracer(__name__).start_as_current_span("root"):
    for _ in range(20):
        signal.send(None)
getattr(provider, method)()
spans = exporter.get_finished_spans()
ids = {span.context.span_id for span in spans}
print(len(spans), sum(span.parent is not None and span.parent.span_id not in ids for span in spans))
"""


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("method", ["force_flush", "shutdown"])
@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
@pytest.mark.parametrize(
    "combined", ["SynchronousMultiSpanProcessor", "ConcurrentMultiSpanProcessor", "OwnMultiSpanProcessor"]
)
def test_flushed_provider_has_all_spans(combined: str, processor: str, method: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), combined, processor, method, when],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))},
        check=False,
    )
    assert done.stdout.strip() == "61 0", done.stderr
