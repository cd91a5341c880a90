"""A real site whose STORE names a file of another program: it runs, says so, and leaves the file alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.support.servers import ROOT, running_site, site_environment, wait_until

MESSAGE = "is not a file of the signal monitor"


def test_site_leaves_a_file_of_another_program_alone(prepared_database: Path, tmp_path: Path) -> None:
    shutil.copy(prepared_database, tmp_path)
    notes = tmp_path / "signals" / "store.sqlite3"
    notes.parent.mkdir(mode=0o700)
    notes.write_text("my notes\n" * 1_000, encoding="utf-8")
    check = subprocess.run(
        [sys.executable, "-m", "django", "check", "--tag", "signal_monitor"],
        env={**os.environ, **site_environment(tmp_path, debug=True)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert MESSAGE in check.stderr
    with running_site(tmp_path) as site:
        with pytest.raises(HTTPError, match="503") as caught:
            urlopen(f"{site.url}/signals/")  # noqa: S310 - the test's own site
        assert MESSAGE in caught.value.read().decode()
        urlopen(f"{site.url}/admin/login/").close()  # noqa: S310 - the same
        assert wait_until(lambda: MESSAGE in site.log)
    assert site.log.count(MESSAGE) == 1
    assert notes.read_text(encoding="utf-8") == "my notes\n" * 1_000
    assert [file.name for file in notes.parent.iterdir()] == ["store.sqlite3"]
