"""Where the file is, and who may reach it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from signal_monitor.stores import StoreError, open_store
from signal_monitor.stores.sqlite.location import find_path, project_root
from tests.stores.making import dispatch, write

REPOSITORY = Path(__file__).resolve().parents[2]
PRINT_PATH = """
import django; django.setup()
from signal_monitor.stores.sqlite.location import find_path
print(find_path("sqlite"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with its manage.py above its settings package."""
    root = tmp_path / "project"
    (root / "site" / "conf").mkdir(parents=True)
    (root / "manage.py").touch()
    return root


def test_root_is_that_of_the_nearest_mark_above_base_dir(project: Path, settings: Settings) -> None:
    settings.BASE_DIR = str(project / "site" / "conf")
    assert project_root() == project


def test_root_is_base_dir_without_any_mark(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal_monitor.stores.sqlite.location.ROOT_MARKS", ())
    settings.BASE_DIR = tmp_path
    assert project_root() == tmp_path


def test_path_is_in_the_root(project: Path, settings: Settings) -> None:
    settings.BASE_DIR = project
    assert find_path("sqlite") == project / ".signal_monitor" / "store.sqlite3"


def test_path_chosen_by_url() -> None:
    assert find_path("sqlite:////srv/monitor.db") == Path("/srv/monitor.db")


@pytest.mark.parametrize("base_dir", ["absent", "'.'", "__import__('pathlib').Path(__file__).parent"])
def test_same_path_from_any_working_directory(project: Path, tmp_path: Path, base_dir: str) -> None:
    text = "" if base_dir == "absent" else f"BASE_DIR = {base_dir}\n"
    (project / "site" / "conf" / "live.py").write_text(text, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "manage.py").touch()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "conf.live",
        "PYTHONPATH": os.pathsep.join([str(project / "site"), str(REPOSITORY)]),
    }
    found = {
        subprocess.run(
            [sys.executable, "-c", PRINT_PATH], cwd=cwd, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        for cwd in (project, project / "site", elsewhere)
    }
    assert found == {str(project / ".signal_monitor" / "store.sqlite3")}


def test_root_is_the_working_directory_without_a_settings_module(project: Path) -> None:
    configure = "from django.conf import settings; settings.configure();"
    out = subprocess.run(
        [sys.executable, "-c", configure + PRINT_PATH],
        cwd=project / "site",
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert out.strip() == str(project / ".signal_monitor" / "store.sqlite3")


def test_path_is_in_the_cache_when_the_root_is_read_only(
    project: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BASE_DIR = project
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The superuser may write anywhere, so the answer is given and not the mode changed.
    monkeypatch.setattr("signal_monitor.stores.sqlite.location.os.access", lambda *_args: False)
    path = find_path("sqlite")
    assert path.name == "store.sqlite3"
    assert path.parent.parent == tmp_path / "cache"
    settings.BASE_DIR = project / "site"
    assert find_path("sqlite") == path
    settings.BASE_DIR = tmp_path
    assert find_path("sqlite") != path


@pytest.mark.parametrize("mark", ["", "site-packages/manage.py", "site-packages/shop/pyproject.toml"])
def test_path_is_not_beside_installed_code(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("signal_monitor.stores.sqlite.location.ROOT_MARKS", (mark.rpartition("/")[2] or "no mark",))
    settings.BASE_DIR = tmp_path / "lib" / "site-packages" / "shop"
    settings.BASE_DIR.mkdir(parents=True)
    if mark:
        (tmp_path / "lib" / mark).touch()
    path = find_path("sqlite")
    assert path.parent.parent == tmp_path / "cache"
    settings.SECRET_KEY = "of another site with the same environment"
    assert find_path("sqlite") != path
    assert find_path("sqlite").parent.parent == tmp_path / "cache"


def test_path_is_in_the_project_that_has_its_environment_inside(project: Path, settings: Settings) -> None:
    settings.BASE_DIR = project / ".venv" / "lib" / "site-packages" / "shop"
    assert find_path("sqlite") == project / ".signal_monitor" / "store.sqlite3"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_reach_the_file(project: Path, settings: Settings) -> None:
    settings.BASE_DIR = project
    store = open_store("sqlite")
    write(store, dispatch())
    modes = {path.name: mode(path) for path in (project / ".signal_monitor").iterdir() if path.name != ".gitignore"}
    store.close()
    assert mode(project / ".signal_monitor") == 0o700
    assert modes == {"store.sqlite3": 0o600, "store.sqlite3-wal": 0o600, "store.sqlite3-shm": 0o600}


def test_version_control_leaves_the_directory_alone(project: Path, settings: Settings) -> None:
    settings.BASE_DIR = project
    store = open_store("sqlite")
    write(store, dispatch())
    store.close()
    assert (project / ".signal_monitor" / ".gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.parametrize("link", ["store", "store/store.sqlite3"])
def test_symbolic_link_is_refused(tmp_path: Path, sqlite_url: str, link: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(target)
    with pytest.raises(StoreError, match=f"{tmp_path / link} is a symbolic link.*remove it.*SIGNAL_MONITOR"):
        write(open_store(sqlite_url), dispatch())
    assert list(target.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file away")
@pytest.mark.parametrize("name", ["store", "store/store.sqlite3"])
def test_foreign_owner_is_refused(tmp_path: Path, sqlite_url: str, name: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.sqlite3").touch()
    os.chown(tmp_path / name, 12345, -1)
    with pytest.raises(StoreError, match="belongs to the user with id 12345"):
        write(open_store(sqlite_url), dispatch())


@pytest.mark.parametrize(("name", "mode"), [("store", 0o777), ("store", 0o1777), ("store", 0o702)])
def test_directory_that_everybody_may_write_to_is_refused(
    tmp_path: Path, sqlite_url: str, name: str, mode: int
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(mode)
    with pytest.raises(StoreError, match=f"Every user of this host may write to {tmp_path / name}, .*SIGNAL_MONITOR"):
        write(open_store(sqlite_url), dispatch())
    assert list((tmp_path / name).iterdir()) == []


@pytest.mark.parametrize("mode", [0o666, 0o777, 0o602])
def test_file_that_everybody_may_write_to_is_refused(tmp_path: Path, sqlite_url: str, mode: int) -> None:
    path = tmp_path / "store" / "store.sqlite3"
    path.parent.mkdir()
    path.touch()
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"may write to {path}, whose mode is {mode:04o}: run chmod o-w"):
        write(open_store(sqlite_url), dispatch())
    assert path.read_bytes() == b""


def test_file_of_a_group_is_used(tmp_path: Path, sqlite_url: str) -> None:
    """With umask 002, as many systems have it, files and directories belong to a group."""
    path = tmp_path / "store" / "store.sqlite3"
    path.parent.mkdir()
    path.parent.chmod(0o775)
    path.touch()
    path.chmod(0o664)
    store = open_store(sqlite_url)
    write(store, dispatch())
    store.close()


def test_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        write(open_store(f"sqlite:///{tmp_path}/file/store.sqlite3"), dispatch())
