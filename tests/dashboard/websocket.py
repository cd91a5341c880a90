"""A websocket client as small as can be: it does what a browser would not, such as falling silent."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import struct
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Refused(Exception):  # noqa: N818 - it is what a test expects, not an error
    """The handshake was answered by something other than a 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Closed:
    """The server's close, with its code; None when the connection ended without."""

    code: int | None


class WebSocket:
    """A socket on which frames arrive; nothing is answered that the test does not answer, but pings."""

    def __init__(
        self, url: str, *, origin: str | None = "", cookie: str = "", receive_buffer: int = 0, host: str = ""
    ) -> None:
        parts = urlsplit(url)
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(20)
        self._socket.connect((parts.hostname, parts.port))
        self._file = self._socket.makefile("rb")
        self._host = host or parts.netloc
        self._shake_hands(url, f"http://{self._host}" if origin == "" else origin, cookie)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.abandon()

    def abandon(self) -> None:
        """End the connection without a word; another thread may be reading."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self._socket.close()

    def send(self, text: str) -> None:
        """Send a text message, masked as clients must."""
        self._send_frame(TEXT, text.encode())

    def acknowledge(self, frame: str) -> None:
        """Do as live.js does with a frame."""
        self.send(json.dumps({"ack": number_of(frame)}))

    def receive(self) -> str | Closed:
        """The next message, or the close."""
        while True:
            head = self._file.read(2)
            if len(head) < 2:
                return Closed(None)
            kind, payload = head[0] & 0x0F, self._payload(head[1])
            if kind == TEXT:
                return payload.decode()
            if kind == CLOSE:
                return Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
            if kind == PING:
                self._send_frame(PONG, payload)

    def receive_frame(self) -> str:
        """The next message, which must be a frame."""
        message = self.receive()
        assert isinstance(message, str), message
        return message

    def drain(self) -> int:
        """Read until the server has ended the connection; answers how many bytes were still to come."""
        count = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := self._file.read1(65_536):
                count += len(chunk)
        return count

    def _shake_hands(self, url: str, origin: str | None, cookie: str) -> None:
        parts = urlsplit(url)
        headers = {
            "Host": self._host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **({"Origin": origin} if origin is not None else {}),
            **({"Cookie": cookie} if cookie else {}),
        }
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = int(self._file.readline().split()[1])
        while self._file.readline() not in {b"\r\n", b""}:
            pass
        if status != 101:
            self.abandon()
            raise Refused(status)

    def _payload(self, size: int) -> bytes:
        if size == 126:
            size = struct.unpack(">H", self._file.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._file.read(8))[0]
        return self._file.read(size)

    def _send_frame(self, kind: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = struct.pack(">B", 0x80 | len(payload)) if len(payload) < 126 else struct.pack(">BH", 0xFE, len(payload))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | kind]) + size + mask + masked)


def number_of(frame: str) -> int:
    """The number in a frame's last element, read as live.js reads it."""
    found = re.search(r'data-frame="(\d+)"', frame[-120:])
    assert found, f"a frame without a number: …{frame[-200:]}"
    return int(found[1])
