"""Which code is the project's own."""

from __future__ import annotations

import os
import sysconfig

STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
LIBRARIES = (STDLIB, *{f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_own(path: str | None) -> bool:
    """Whether a file is the project's own, and not of an installed package."""
    return (
        bool(path) and not str(path).startswith(("<", *LIBRARIES)) and not any(part in str(path) for part in INSTALLED)
    )


def is_django(receiver: str) -> bool:
    """Whether a receiver is one of Django's own."""
    return receiver.startswith("django.")
