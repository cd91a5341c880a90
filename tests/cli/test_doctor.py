from __future__ import annotations

from pathlib import Path

from tests.cli import shop
from tests.cli.manage import Manage
from tests.support.projects import Project

ESCAPE = "\x1b"


def test_says_what_is_wrong_and_fails(manage: Manage) -> None:
    text = manage("signals", "doctor", code=1).stdout
    assert "`render_receipt`" in text
    assert "`post_to_ledger`" in text
    assert "shop/receivers.py:" in text
    assert ESCAPE not in text


def test_has_all_of_a_finding_as_json(manage: Manage) -> None:
    found = {row["name"]: row for row in manage("signals", "doctor", "--format", "json", code=1).data["findings"]}
    assert found["slow-receiver"]["subject"] == "shop.receivers.render_receipt"
    assert found["slow-receiver"]["advice"]
    assert found["swallowed"]["level"] == "error"


def test_annotates_lines_for_github(manage: Manage) -> None:
    inside = {"GITHUB_WORKSPACE": str(manage.root)}
    lines = manage("signals", "doctor", "--format", "github", env=inside, code=1).stdout.splitlines()
    assert any(line.startswith("::error file=shop/receivers.py,line=") and "ledger" in line for line in lines)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
    elsewhere = manage("signals", "doctor", "--format", "github", env={"GITHUB_WORKSPACE": "/elsewhere"}, code=1).stdout
    assert "file=" not in elsewhere


def test_fails_from_the_level_that_was_asked_for(manage: Manage) -> None:
    manage("signals", "doctor", "--fail-level", "error", code=1)
    manage("signals", "doctor", "--fail-level", "never", code=0)


def test_says_what_is_missing_where_nothing_was_recorded(own_shop: Project) -> None:
    text = Manage(own_shop.root)("signals", "doctor").stdout
    assert "No findings." in text
    assert "Nothing is recorded yet" in text
    assert not (own_shop.root / "store.sqlite3").exists()


def test_finds_what_is_known_without_running(own_shop: Project) -> None:
    own_shop.write(receivers=f"{shop.RECEIVERS}\n    m2m_changed.connect(send_mail, sender=Order)\n")
    found = Manage(own_shop.root)("signals", "doctor", "--format", "json", code=1).data["findings"]
    assert [row["code"] for row in found] == ["W101"]


def test_says_that_the_urls_cannot_be_imported(own_shop: Project) -> None:
    Path(own_shop.root / "shop" / "urls.py").write_text("import nothing_of_that_name", encoding="utf-8")
    assert "shop.urls cannot be imported" in Manage(own_shop.root)("signals", "doctor", code=2).stderr
