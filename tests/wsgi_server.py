"""The demo site under plain WSGI, where there are no websockets: ``python -m tests.wsgi_server``."""

from __future__ import annotations

import logging
import os
import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application


class ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    """A thread per request, as development servers have."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Prints nothing for a request."""

    def log_message(self, *args: object) -> None:
        """Keep the log for faults."""


def main() -> None:
    """Serve on a port that the system chooses, until SIGTERM."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    application = StaticFilesHandler(get_wsgi_application())
    from tests.support.anew import wsgi_that_begins_anew  # Django has to be set up

    # Django logs a swallowed failure with its traceback; those that the tests ask for are no faults of the site.
    logging.getLogger("django.dispatch").setLevel(logging.CRITICAL)
    with make_server("127.0.0.1", 0, wsgi_that_begins_anew(application), ThreadingServer, QuietHandler) as server:
        # The line by which tests.support.servers learns the port: daphne's own.
        sys.stdout.write(f"Listening on TCP address 127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
