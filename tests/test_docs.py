"""The tables in the docs, compared with the code that they are generated from."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from docs.tables import DOCS, TABLES, generated
from signal_monitor.conf import REMOVED, Config

ROOT = DOCS.parent
NAMES = {item.name for item in fields(Config)}


@pytest.mark.parametrize("page", TABLES)
def test_tables_are_those_of_the_code(page: str) -> None:
    """If not, run ``python -m docs.tables``."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text == generated(page, text)


def test_page_without_a_place_for_its_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for the table 'settings'"):
        generated("settings.md", "# Settings")


def test_every_setting_has_a_row() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)) == NAMES | set(REMOVED)
    assert len(NAMES) == 20


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md"], ids=lambda path: path.name)
def test_no_page_speaks_of_a_former_setting(page: Path) -> None:
    text = re.sub(r"<!-- removed -->.*?<!-- end -->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not set(re.findall(r"`([A-Z_]+)(?:`| =)", text)) & set(REMOVED)


def test_links_of_the_readme_are_absolute_and_name_what_is_here() -> None:
    """The index of packages shows the README without the repository."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    files = [link.partition("/main/")[2] for link in links]
    assert files
    assert [link for link in links if not link.startswith("https://")] == []
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_relative_links_name_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    targets = [((page.parent / file) if file else page, heading) for file, heading in links]
    assert [target for target, heading in targets if not target.is_file() or heading not in headings_of(target)] == []


def test_pinned_packages_are_those_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tested = [item for item in project["dependency-groups"]["demo"] if isinstance(item, str) and "==" in item]
    (line,) = re.findall(r"^pip install .*==.*$", (DOCS / "opentelemetry.md").read_text(encoding="utf-8"), re.MULTILINE)
    pinned = {name: version for name, _, version in (item.partition("==") for item in line.split()) if version}
    assert set(pinned.values()) == {item.partition("==")[2] for item in tested}
    packages = ("distro", "instrumentation-django", "instrumentation-asgi", "exporter-prometheus")
    assert pinned.keys() == {f"opentelemetry-{name}" for name in packages}


def headings_of(page: Path) -> set[str]:
    """The anchors of a page's headings, and none."""
    if page.suffix != ".md":
        return {""}
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {""} | {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
