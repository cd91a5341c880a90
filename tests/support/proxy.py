"""A reverse proxy: it serves a site below a prefix, which it removes or keeps."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class _Handler(socketserver.StreamRequestHandler):
    """Pass one request on, then everything in both directions until one side ends."""

    server: _Proxy

    def handle(self) -> None:
        method, target, version = self.rfile.readline().decode("latin1").split()
        headers = list(iter(self.rfile.readline, b"\r\n"))
        prefix = self.server.prefix
        if not target.startswith(f"{prefix}/"):
            self.wfile.write(b"HTTP/1.1 502 Not below the prefix\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        upgrades = any(line.lower().startswith(b"upgrade:") for line in headers)
        if upgrades and not self.server.passes_sockets:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        passed_on = target.removeprefix(prefix) if self.server.strips else target
        # One request for each connection, except where it becomes a websocket.
        kept = headers if upgrades else _without_reuse(headers)
        with socket.create_connection(self.server.site) as site:
            site.sendall(f"{method} {passed_on} {version}\r\n".encode("latin1") + b"".join(kept) + b"\r\n")
            backwards = threading.Thread(target=_pump, args=(site, self.connection), daemon=True)
            backwards.start()
            while data := self.rfile.read1(65_536):
                site.sendall(data)
            with contextlib.suppress(OSError):
                site.shutdown(socket.SHUT_WR)
            backwards.join()


def _without_reuse(headers: list[bytes]) -> list[bytes]:
    return [line for line in headers if not line.lower().startswith(b"connection:")] + [b"Connection: close\r\n"]


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, site: str, prefix: str, *, strips: bool, passes_sockets: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(site)
        self.site = (str(parts.hostname), int(parts.port or 80))
        self.prefix = prefix
        self.strips = strips
        self.passes_sockets = passes_sockets

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error."""


@contextmanager
def running_proxy(site: str, prefix: str = "", *, strips: bool = True, passes_sockets: bool = True) -> Iterator[str]:
    """A proxy of a site while the block runs; answers its URL, without the prefix."""
    with _Proxy(site, prefix, strips=strips, passes_sockets=passes_sockets) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            thread.join()
