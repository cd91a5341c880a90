"""A small HTTP client that fetches pages and posts forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Page:
    """A response, after redirects."""

    url: str
    text: str


class Browser:
    """Fetches pages and posts forms, with the cookies of one visitor."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._cookies = CookieJar()
        # No proxy, whatever the environment says: the site is on this machine.
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> Page:
        """Fetch a page; OSError when the site does not answer, or answers with an error."""
        return self._open(path, None)

    def post(self, path: str, fields: Mapping[str, str] | None = None) -> Page:
        """Post a form of a page that was fetched before."""
        return self._open(path, urlencode({**(fields or {}), "csrfmiddlewaretoken": self._token()}).encode())

    def put_json(self, path: str, data: Mapping[str, str]) -> Page:
        """Send a PUT request to the API."""
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._token()}
        return self._open(path, json.dumps(data).encode(), method="PUT", headers=headers)

    def _token(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken"), "")

    def _open(self, path: str, body: bytes | None, **more: Any) -> Page:  # noqa: ANN401 - what a Request takes
        request = Request(urljoin(self._site, path), body, **more)  # noqa: S310 - an address of the site
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return Page(response.url, response.read().decode())
