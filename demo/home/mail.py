"""Mail that is kept in files, for the page that shows it, and printed to the console."""

from __future__ import annotations

import sys

from django.core.mail import EmailMessage
from django.core.mail.backends import console, filebased


class EmailBackend(filebased.EmailBackend):
    """Writes each mail to a file and to the console."""

    def write_message(self, message: EmailMessage) -> None:
        """Write one mail."""
        super().write_message(message)
        console.EmailBackend(stream=sys.stdout).write_message(message)
        sys.stdout.flush()
