"""What the benchmarks draw, and what they write on top of the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import histogram, latency, page, summary
from benchmarks.places import GUNICORN
from benchmarks.report import Result
from benchmarks.rounds import Samples, Task
from benchmarks.subjects import ANSWERING, VANILLA

MS = 1_000_000
VERSIONS = {"python": "3.13.0", "distributions": {"Django": "6.1.3"}}
PAGE = "# Title\n\n<!-- benchmarks.summary -->\nold\n<!-- end of benchmarks.summary -->\n\nAfter.\n"


def result_of(milliseconds: dict[str, float], place: str = GUNICORN) -> Result:
    samples = Samples()
    for subject, value in milliseconds.items():
        times = {"cpu": value * MS, "p50": value * MS, "p99": 2 * value * MS}
        samples.add(Task(place, subject, "requests", {}), times)
    return Result("requests", VERSIONS, {}, ANSWERING, samples, [])


def written(tmp_path: Path, result: Result) -> str:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    summary.write(path, result)
    return path.read_text()


def texts_of(path: Path) -> list[str]:
    """The texts of a picture, which has to be well-formed."""
    root = ET.fromstring(path.read_text())  # noqa: S314 - written by this test
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_summary_has_the_figures_of_each_subject(tmp_path: Path) -> None:
    text = written(tmp_path, result_of({VANILLA: 2.0, "untraced": 2.5, "sentry": 6.0, "beside-sentry": 6.75}))
    assert "| Django and us | 2.50 ms  | +0.50 ms | 2.50 ms | 5.00 ms  |" in text
    assert "2.50 ms instead of 2.00 ms, +25%" in text
    assert "it adds +4.00 ms to Django, and we add +0.75 ms to it" in text
    assert "OpenTelemetry" not in text
    assert text.startswith("# Title\n\n<!-- benchmarks.summary -->\n![")
    assert text.endswith("<!-- end of benchmarks.summary -->\n\nAfter.\n")


def test_the_chart_names_each_subject_and_its_figures(tmp_path: Path) -> None:
    written(tmp_path, result_of({VANILLA: 2.0, "untraced": 2.5, "otel-django": 2.25, "otel-django-sampled": 3.0}))
    texts = texts_of(tmp_path / summary.CHART)
    assert {"Django and us", "OpenTelemetry and us", "2.50 ms", "6.00 ms"} <= set(texts)


def test_the_summary_is_of_one_process_where_there_is_no_gunicorn(tmp_path: Path) -> None:
    assert "in process" in written(tmp_path, result_of({VANILLA: 2.0, "untraced": 2.5}, place="in process"))


def test_the_summary_says_how_far_the_control_is_off(tmp_path: Path) -> None:
    text = written(tmp_path, result_of({VANILLA: 2.0, "control": 2.1, "untraced": 2.5}))
    assert "off by 5% of its CPU time and 5% of its p99" in text


def test_no_summary_is_written_of_other_subjects_alone(tmp_path: Path) -> None:
    assert written(tmp_path, result_of({VANILLA: 2.0, "sentry": 6.0})) == PAGE
    assert not (tmp_path / summary.CHART).exists()


def test_a_page_without_the_markers_of_a_block_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Title\n\n<!-- benchmarks.summary -->\n")
    with pytest.raises(ValueError, match="has no"):
        page.write_block(path, "benchmarks.summary", ["new"])
    assert path.read_text() == "# Title\n\n<!-- benchmarks.summary -->\n"


def test_a_histogram_counts_each_duration_once() -> None:
    curves = [
        histogram.Curve("django", "Django", [MS, MS, 2 * MS, 90 * MS]),
        histogram.Curve("ours", "ours", [MS, 3 * MS]),
    ]
    head, *rows = histogram.as_text(curves)
    assert head.split() == ["from", "Django", "ours"]
    counted = [[int(cell) for cell in row.replace("#", " ").split()[2:]] for row in rows]
    assert [sum(column) for column in zip(*counted, strict=True)] == [4, 2]


def test_a_histogram_of_equal_durations_has_one_bin() -> None:
    curves = [histogram.Curve("django", "Django", [MS, MS])]
    assert len(histogram.as_text(curves)) == len(("head", "bin"))
    assert "p99 1.00 ms" in histogram.as_svg("title", "note", curves)


@pytest.mark.slow
def test_latency_writes_a_histogram_and_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "page.md"
    assert latency.main(["--requests", "4", "--place", "in process", "--write", str(path)]) == 0
    assert "4 requests of each" in capsys.readouterr().out
    assert "| ours, untraced |" in path.read_text()
    assert any(text.startswith("p99 ") for text in texts_of(tmp_path / latency.CHART))


def test_latency_writes_no_first_look(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        latency.main(["--quick", "--write"])
    assert "wants no --quick" in capsys.readouterr().err
