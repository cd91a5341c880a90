"""Where the file is: in the same place for all processes of a project, and safe from other users."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac

from signal_monitor.stores.base import StoreError

URL_PREFIX = "sqlite:///"
DIRECTORY = ".signal_monitor"
FILE = "store.sqlite3"
ROOT_MARKS = ("manage.py", "pyproject.toml")
PACKAGES = {"site-packages", "dist-packages"}
ADVICE = 'or choose another file with SIGNAL_MONITOR["STORE"] = "sqlite:////absolute/path"'


def find_path(url: str) -> Path:
    """The file of a STORE setting of "sqlite" or "sqlite:////absolute/path"."""
    if url.startswith(URL_PREFIX):
        return Path(url.removeprefix(URL_PREFIX))
    root = project_root()
    directory = root / DIRECTORY
    if is_installed(root):
        digest = _digest_of_site(root)
    elif _is_writable(directory if os.path.lexists(directory) else root):
        return directory / FILE
    else:
        digest = hashlib.sha256(os.fsencode(root)).hexdigest()
    return _cache_directory() / f"django-signal-monitor-{digest[:16]}" / FILE


def project_root() -> Path:
    """The directory of the nearest manage.py or pyproject.toml, upwards from BASE_DIR or the settings module."""
    start = _start()
    for directory in (start, *start.parents):
        if not is_installed(directory) and any((directory / mark).is_file() for mark in ROOT_MARKS):
            return directory
    return start


def is_installed(directory: Path) -> bool:
    """Whether a directory is in one for installed packages: an update removes it, and several sites may share it."""
    return not PACKAGES.isdisjoint(directory.parts)


def _digest_of_site(root: Path) -> str:
    """A name for one of the sites that share installed code; all processes of a site have its SECRET_KEY."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # it is empty
        key = "none"
    return salted_hmac("signal_monitor.store", os.fsencode(root), secret=key, algorithm="sha256").hexdigest()


def _start() -> Path:
    base = getattr(settings, "BASE_DIR", None)
    # A relative BASE_DIR is another directory in a process that was started elsewhere.
    if isinstance(base, str | Path) and Path(base).is_absolute():
        return Path(base).resolve()
    # Settings of settings.configure() have no module.
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or "")
    file = getattr(module, "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def _is_writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)


def _cache_directory() -> Path:
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StoreError(f"There is no home directory for the signal monitor's file: set HOME, {ADVICE}.") from error
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def make_safe(path: Path) -> None:
    """Create the file and its directory if they are missing; raise StoreError if another user could change them."""
    try:
        _make_directory(path.parent)
        _refuse_foreign(path.parent)
        if not os.path.lexists(path):
            _make_file(path)
        _refuse_foreign(path)
    except OSError as error:
        raise StoreError(
            f"The signal monitor's file {path} cannot be created: {error}. Make it writable, {ADVICE}."
        ) from error


def refuse_place(path: Path) -> None:
    """Raise StoreError if a missing file cannot be created at a path.

    Nothing is created, and the owner does not count: another user may run what creates it.
    """
    parent = next(parent for parent in path.parents if os.path.lexists(parent))
    if not (parent.is_dir() and _is_writable(parent)):
        raise StoreError(f"{path} cannot be created: {parent} is not a directory that this user may write to.")
    try:
        if parent == path.parent:
            _refuse_open(parent, parent.lstat())
        _refuse_open(path, path.lstat())
    except FileNotFoundError:
        return
    except OSError as error:  # the name is too long
        raise StoreError(f"{path} cannot be created: {error}.") from error


def _make_directory(directory: Path) -> None:
    if os.path.lexists(directory):
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.name == DIRECTORY:
        (directory / ".gitignore").write_text("*\n", encoding="utf-8")


def _make_file(path: Path) -> None:
    # Created under another name, then linked: POSIX releases the locks of a connection when its process closes any
    # handle of the file.
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        os.link(made, path)
    except FileExistsError:
        pass  # Another process was first.
    finally:
        Path(made).unlink()


def _refuse_foreign(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISLNK(found.st_mode) and found.st_uid != os.geteuid():
        raise StoreError(
            f"{path} belongs to the user with id {found.st_uid}, this process to {os.geteuid()}: "
            f"run both as one user, remove it, {ADVICE}."
        )
    _refuse_open(path, found)


def _refuse_open(path: Path, found: os.stat_result) -> None:
    """Raise StoreError for a symbolic link, and for what every user may write to."""
    if stat.S_ISLNK(found.st_mode):
        raise StoreError(f"{path} is a symbolic link, which the signal monitor does not follow: remove it, {ADVICE}.")
    if found.st_mode & stat.S_IWOTH:
        remedy = "give the file a directory of its own" if found.st_mode & stat.S_ISVTX else "run chmod o-w on it"
        raise StoreError(
            f"Every user of this host may write to {path}, whose mode is {stat.S_IMODE(found.st_mode):04o}: "
            f"{remedy}, {ADVICE}."
        )
