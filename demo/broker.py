"""A broker without a server: messages are files in a directory that all processes of the demo share."""

from __future__ import annotations

import fcntl
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "files"
LONGEST_WAIT_SECONDS = 0.3


class Channel(filesystem.Channel):
    """kombu's file system channel without its race conditions between processes."""

    def _put(self, queue: str, payload: Mapping[str, Any], **_kwargs: object) -> None:
        # Renamed when it is complete, so that a worker never reads half a message.
        name = f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        draft = Path(self.data_folder_out, f"{name}.draft")
        draft.write_text(json.dumps(payload), encoding="utf-8")
        draft.rename(draft.with_name(name))

    def _queue_bind(self, *binding: object) -> None:
        # One process at a time: in the base class, a second one may read the table before the first has written it.
        with Path(self.control_folder, "binding.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            super()._queue_bind(*binding)


class Transport(filesystem.Transport):
    """A transport that uses these channels."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # noqa: ANN401 - kombu's own
        """Wait for a message, but not so long that the worker reacts late when it has to stop."""
        super().drain_events(connection, timeout if timeout is None else min(timeout, LONGEST_WAIT_SECONDS))


def options(directory: Path) -> dict[str, Any]:
    """The Celery settings that keep messages in a directory, which is created if it is missing."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
    folders = {name: directory / name for name in ("messages", "control")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folders["messages"]),
        "data_folder_out": str(folders["messages"]),
        "control_folder": str(folders["control"]),
        # The worker polls the directory at this interval (seconds).
        "polling_interval": 0.1,
    }
