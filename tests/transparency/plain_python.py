"""A Python without a virtual environment: packages are below the standard library's directory."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from tests.support.servers import ROOT


def make_plain_python(home: Path) -> dict[str, str]:
    """Lay a tree of links that an interpreter takes for its home; answers what its environment needs.

    Images and conda have their packages in such a place: what they raise comes from below the standard library.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    packages = home / "lib" / stdlib.name / "site-packages"
    packages.mkdir(parents=True)
    for path in stdlib.iterdir():
        if path.name != "site-packages":
            (packages.parent / path.name).symlink_to(path)
    for directory in map(Path, sys.path):
        if directory.name == "site-packages":
            _link(directory, packages)
    for name in ("signal_monitor", "tests", "demo"):
        (packages / name).symlink_to(ROOT / name)
    return {"PYTHONHOME": str(home), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _link(directory: Path, packages: Path) -> None:
    for path in directory.iterdir():
        if path.suffix != ".pth" and not (packages / path.name).exists():
            (packages / path.name).symlink_to(path)


def executable() -> str:
    """The interpreter itself, which belongs to no virtual environment."""
    return os.path.realpath(sys.executable)
