"""The database backend: Django's own for SQLite, with a copy of the file for each thread but the main one."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import Any

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the file in the main thread, which makes the rows; to a copy in memory in each other thread."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401 - Django's signature
        if threading.current_thread() is threading.main_thread():
            return super().get_new_connection(conn_params)
        connection = super().get_new_connection({**conn_params, "database": ":memory:"})
        with closing(sqlite3.connect(conn_params["database"])) as rows:
            rows.backup(connection)
        return connection
