"""A visitor of the demo site, who clicks by HTTP as a browser would."""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from demo.pitfalls.catalogue import PITFALLS

NAME_PREFIX = "visitor-"
TIMEOUT_SECONDS = 20.0
TODO_FORM = re.compile(r'action="(/todos/\d+/(?:done|undone|complete|delete)/)"')
TITLES = (
    "Buy oat milk",
    "Call the bicycle shop",
    "Answer the letter from Oslo",
    "Sharpen the kitchen knives",
    "Return the library books",
    "Plant the tulips",
    "Renew the passport",
    "Write a test for the receiver",
)


@dataclass(frozen=True, slots=True)
class Page:
    """What came back, after redirects."""

    url: str
    text: str


class Browser:
    """Fetches pages and posts forms, with the cookies of one visitor."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._cookies = CookieJar()
        # No proxy: the site is on this machine, whatever the environment says of the way out.
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> Page:
        """Fetch a page; OSError when the site does not answer, or answers with an error."""
        return self._open(path, None)

    def post(self, path: str, fields: Mapping[str, str] | None = None) -> Page:
        """Post a form of a page that was fetched before."""
        token = next((cookie.value for cookie in self._cookies if cookie.name == "csrftoken"), None)
        return self._open(path, urlencode({**(fields or {}), "csrfmiddlewaretoken": token or ""}).encode())

    def _open(self, path: str, body: bytes | None) -> Page:
        request = Request(urljoin(self._site, path), body)  # noqa: S310 - an address of the site
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return Page(response.url, response.read().decode())


class Visitor:
    """Someone who looks around, signs up, and keeps a list of todos."""

    def __init__(self, site: str, *, pitfalls: bool, choice: random.Random) -> None:
        self._browser = Browser(site)
        self._pitfalls = pitfalls
        self._choice = choice
        self._name = f"{NAME_PREFIX}{secrets.token_hex(4)}"
        self._password = secrets.token_urlsafe(12)
        self._has_account = False
        self._logged_in = False

    def act(self) -> None:
        """Do one of the things that one would do now; OSError when that fails."""
        actions = self._guest_actions() if not self._logged_in else self._member_actions()
        if self._pitfalls:
            # One action in a dozen, so that failures stay the exception that they should be.
            actions[self.fall_into_pitfall] = sum(actions.values()) / 11
        (action,) = self._choice.choices(list(actions), list(actions.values()))
        action()

    def leave(self) -> None:
        """Log out, if logged in, so that no session stays behind."""
        if self._logged_in:
            self.log_out()

    def browse(self) -> None:
        """Look at a page that is there for everyone."""
        self._browser.get(self._choice.choice(("/", "/todos/", "/todos/?from=mail", "/pitfalls/", "/accounts/login/")))

    def sign_up(self) -> None:
        """Open an account, and be logged in."""
        self._browser.get("/accounts/sign-up/")
        password = {"password1": self._password, "password2": self._password}
        person = {"username": self._name, "email": f"{self._name}@example.org", "bio": "Passing by."}
        self._browser.post("/accounts/sign-up/", {**person, **password})
        self._has_account = self._logged_in = True

    def log_in(self) -> None:
        """Come back; whoever's account has been cleared away meanwhile has to sign up anew."""
        self._browser.get("/accounts/login/")
        page = self._browser.post("/accounts/login/", {"username": self._name, "password": self._password})
        self._has_account = self._logged_in = "/accounts/login/" not in page.url

    def log_out(self) -> None:
        """End the session."""
        self._browser.get("/todos/")
        self._browser.post("/accounts/logout/")
        self._logged_in = False

    def look_at_profile(self) -> None:
        """Look at one's profile; whoever is sent to log in is no longer logged in."""
        self._logged_in = "/accounts/login/" not in self._browser.get("/accounts/profile/").url

    def save_profile(self) -> None:
        """Change one's profile."""
        self.look_at_profile()
        if self._logged_in:
            self._browser.post("/accounts/profile/", {"display_name": self._name, "bio": self._choice.choice(TITLES)})

    def add_todo(self) -> None:
        """Add a todo to one's own list."""
        self.look_at_profile()
        if self._logged_in:
            self._browser.post("/todos/add/", {"title": self._choice.choice(TITLES)})

    def change_todo(self) -> None:
        """Mark or delete one of one's todos."""
        self.look_at_profile()
        forms = TODO_FORM.findall(self._browser.get("/todos/").text) if self._logged_in else []
        if forms:
            self._browser.post(self._choice.choice(forms))

    def fall_into_pitfall(self) -> None:
        """Press one of the buttons that one should not press."""
        self._browser.get("/pitfalls/")
        self._browser.post(f"/pitfalls/{self._choice.choice(PITFALLS).slug}/")

    def _guest_actions(self) -> dict[Callable[[], None], float]:
        return {self.browse: 5, self.log_in if self._has_account else self.sign_up: 1}

    def _member_actions(self) -> dict[Callable[[], None], float]:
        return {
            self.browse: 6,
            self.look_at_profile: 2,
            self.save_profile: 2,
            self.add_todo: 5,
            self.change_todo: 9,
            self.log_out: 1,
        }
