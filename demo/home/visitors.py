"""A simulated visitor of the demo site, who uses HTTP as a browser would."""

from __future__ import annotations

import itertools
import random
import re
import secrets
from collections.abc import Callable

from demo.home.browser import Browser
from demo.home.errands import NAME_PREFIX, Errands
from demo.pitfalls.catalogue import FAMILIES

PAGES = (
    "/",
    "/todos/",
    "/todos/?from=mail",
    "/accounts/login/",
    "/academy/invitations/",
    "/academy/cohorts/",
    "/academy/marketing/",
    "/tasks/",
    "/movies/",
    "/blocking/",
    "/pitfalls/",
)
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
# All visitors share this order: the first of each kind, beginning with the slow receiver, then the second, and so on.
PITFALL_TURNS = itertools.cycle(
    pitfall for turn in itertools.zip_longest(*(family.pitfalls for family in FAMILIES)) for pitfall in turn if pitfall
)


class Visitor:
    """Looks at pages, signs up, keeps a list of todos, and uses the other apps of the site."""

    def __init__(self, site: str, *, pitfalls: bool, choice: random.Random) -> None:
        self._browser = Browser(site)
        self._pitfalls = pitfalls
        self._choice = choice
        self._name = f"{NAME_PREFIX}{secrets.token_hex(4)}"
        self.errands = Errands(self._browser, self._name, choice)
        self._password = secrets.token_urlsafe(12)
        self._has_account = False
        self._logged_in = False

    def act(self) -> None:
        """Do one of the actions that are possible now; OSError if it fails."""
        actions = self._guest_actions() if not self._logged_in else self._member_actions()
        if self._pitfalls:
            # One action in a dozen, so that failures stay rare.
            actions[self.fall_into_pitfall] = sum(actions.values()) / 11
        (action,) = self._choice.choices(list(actions), list(actions.values()))
        action()

    def leave(self) -> None:
        """Log out, so that no session is left."""
        if self._logged_in:
            self.log_out()

    def browse(self) -> None:
        """Look at a public page."""
        self._browser.get(self._choice.choice(PAGES))

    def sign_up(self) -> None:
        """Sign up, which logs in, too."""
        self._browser.get("/accounts/sign-up/")
        password = {"password1": self._password, "password2": self._password}
        person = {"username": self._name, "email": f"{self._name}@example.org", "bio": "Passing by."}
        self._browser.post("/accounts/sign-up/", {**person, **password})
        self._has_account = self._logged_in = True

    def log_in(self) -> None:
        """Log in; sign up again if the account was deleted meanwhile."""
        self._browser.get("/accounts/login/")
        page = self._browser.post("/accounts/login/", {"username": self._name, "password": self._password})
        self._has_account = self._logged_in = "/accounts/login/" not in page.url

    def log_out(self) -> None:
        """Log out."""
        self._browser.get("/todos/")
        self._browser.post("/accounts/logout/")
        self._logged_in = False

    def look_at_profile(self) -> None:
        """Look at the profile; a redirect to the login page means that the session has ended."""
        self._logged_in = "/accounts/login/" not in self._browser.get("/accounts/profile/").url

    def save_profile(self) -> None:
        """Change the profile."""
        self.look_at_profile()
        if self._logged_in:
            self._browser.post("/accounts/profile/", {"display_name": self._name, "bio": self._choice.choice(TITLES)})

    def add_todo(self) -> None:
        """Add a todo."""
        self.look_at_profile()
        if self._logged_in:
            self._browser.post("/todos/add/", {"title": self._choice.choice(TITLES)})

    def change_todo(self) -> None:
        """Mark or delete a todo."""
        self.look_at_profile()
        forms = TODO_FORM.findall(self._browser.get("/todos/").text) if self._logged_in else []
        if forms:
            self._browser.post(self._choice.choice(forms))

    def fall_into_pitfall(self) -> None:
        """Press the button of the next pitfall."""
        self._browser.get("/pitfalls/")
        self._browser.post(f"/pitfalls/{next(PITFALL_TURNS).slug}/")

    def _guest_actions(self) -> dict[Callable[[], None], float]:
        account = self.log_in if self._has_account else self.sign_up
        return {self.browse: 5, account: 2, self.errands.leave_email: 1, self.errands.search_movie: 1}

    def _member_actions(self) -> dict[Callable[[], None], float]:
        return {
            self.browse: 6,
            self.look_at_profile: 2,
            self.save_profile: 2,
            self.add_todo: 5,
            self.change_todo: 9,
            self.errands.invite: 3,
            self.errands.accept: 3,
            self.errands.keep_cohort: 3,
            self.errands.add_student: 2,
            self.errands.change_status: 4,
            self.errands.queue_task: 4,
            self.errands.search_movie: 4,
            self.errands.publish: 1,
            self.log_out: 1,
        }
