"""The source around the lines at which slow calls were seen."""

from __future__ import annotations

import os
import time
from pathlib import Path

from signal_monitor.dashboard.sources import places
from signal_monitor.records import Frame, ReceiverCall
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import parts
from tests.dashboard.examples import MS, SEND_MAIL, dispatch, process, totals

SOURCE = "".join(f"line_{number} = {number}\n" for number in range(1, 21))


def written(tmp_path: Path, age: float = 60) -> str:
    path = tmp_path / "receivers.py"
    path.write_text(SOURCE)
    os.utime(path, (time.time() - age, time.time() - age))
    return str(path)


def slow_call(path: str, line: int) -> ReceiverCall:
    frame = Frame(path, line, "send_mail")
    return ReceiverCall(SEND_MAIL, 0, duration_ns=500 * MS, severity="slow", slow_line=frame, slow_stack=(frame,))


def test_lines_are_counted_with_their_source(tmp_path: Path) -> None:
    path, now = written(tmp_path), time.time()
    first, second = places([(now, slow_call(path, line)) for line in (10, 10, 10, 2)])

    assert (first.frame.line, first.samples, first.of, first.share) == (10, 3, 4, 0.75)
    assert [line.number for line in first.source] == [7, 8, 9, 10, 11, 12, 13]
    assert [line.text for line in first.source if line.seen] == ["line_10 = 10"]
    assert [line.number for line in second.source] == [1, 2, 3, 4, 5]
    assert not first.changed


def test_file_that_is_newer_than_the_call_has_changed(tmp_path: Path) -> None:
    (place,) = places([(time.time() - 120, slow_call(written(tmp_path), 3))])
    assert place.changed


def test_file_that_cannot_be_read_and_line_that_is_not_there(tmp_path: Path) -> None:
    for path, line in ((str(tmp_path / "gone.py"), 3), (written(tmp_path), 3_000), ("\0", 1), ("<string>", 1)):
        (place,) = places([(time.time(), slow_call(path, line))])
        assert place.source == []


def test_secrets_in_the_source_are_not_shown(tmp_path: Path) -> None:
    path = written(tmp_path)
    Path(path).write_text('HOOK = "https://hook:hunter2pass@example.com"\nAPI_KEY = "sk_live_' + "4e" * 12 + '"\n')
    (place,) = places([(time.time(), slow_call(path, 1))])
    text = "".join(line.text for line in place.source)
    assert "HOOK = " in text
    assert "hunter2pass" not in text
    assert "sk_live" not in text


def test_other_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "outside.conf"
    path.write_text("DB_NAME = 'shop'\n")
    (place,) = places([(time.time(), slow_call(str(path), 1))])
    assert place.source == []


def test_calls_without_a_sample_have_no_place() -> None:
    assert places([(time.time(), ReceiverCall(SEND_MAIL, 0, severity="slow"))]) == []


def test_receiver_page_shows_the_line(quiet_store: Store, tmp_path: Path) -> None:
    slow = dispatch("slow", slow_call(written(tmp_path), 10), severity="slow")
    quiet_store.write(Batch(process(), dispatches=[slow], totals=totals(SEND_MAIL, 500)))

    text = parts("receiver", name=SEND_MAIL).text
    assert "receivers.py:10 in send_mail · 100 % of the samples" in text
    assert "line_10 = 10" in text
