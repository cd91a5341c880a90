"""What visitors do at the academy, with movies and with the task queue."""

from __future__ import annotations

import random
import re

from demo.home.browser import Browser

NAME_PREFIX = "visitor-"
FIRST_NAMES = ("Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Katherine", "Ken", "Margaret", "Radia")
COHORT_NAMES = ("Evening class", "Full time", "Part time", "Summer school", "Winter school", "Weekends")
STATUSES = ("ACTIVE", "POSTPONED", "SUSPENDED", "GRADUATED", "DROPPED")
MOVIES = (
    "finding nemo",
    "toy story",
    "the matrix",
    "star wars",
    "blade runner",
    "spirited away",
    "the godfather",
    "casablanca",
    "back to the future",
    "no such movie",
)
STUDENT = re.compile(rf'<option value="(\d+)"[^>]*>{NAME_PREFIX}')
INVITATION = r'action="(/academy/invitations/\d+/accept/)"><input[^>]*><button aria-label="Accept for {name}'
STUDENT_FORM = r'action="({path}students/\d+/)"'


class Errands:
    """The actions of one visitor; what they create has their name, so that it can be deleted."""

    def __init__(self, browser: Browser, name: str, choice: random.Random) -> None:
        self._browser = browser
        self._name = name
        self._choice = choice
        self._friends = 0
        self._slug = f"{name}-cohort"

    def leave_email(self) -> None:
        """Leave the e-mail address of the person who is invited next."""
        self._browser.get("/academy/marketing/")
        self._browser.post("/academy/marketing/", self._friend())

    def invite(self) -> None:
        """Invite someone, often a person who has left an e-mail address."""
        if self._choice.random() < 0.7:
            self.leave_email()
        self._browser.get("/academy/invitations/")
        self._browser.post("/academy/invitations/invite/", self._friend())
        self._friends += 1

    def accept(self) -> None:
        """Accept one of the visitor's own invitations."""
        page = self._browser.get("/academy/invitations/")
        forms = re.findall(INVITATION.format(name=self._name), page.text)
        if forms:
            self._browser.post(self._choice.choice(forms))

    def keep_cohort(self) -> None:
        """Create the visitor's cohort, or rename it through the API."""
        fields = {"slug": self._slug, "name": self._choice.choice(COHORT_NAMES)}
        if self._has_cohort():
            self._browser.put_json(f"/academy/api/cohorts/{self._slug}/", fields)
        else:
            self._browser.get("/academy/cohorts/")
            self._browser.post("/academy/cohorts/", fields)

    def add_student(self) -> None:
        """Add someone who has accepted to the visitor's cohort."""
        path = f"/academy/cohorts/{self._slug}/"
        students = STUDENT.findall(self._browser.get(path).text) if self._has_cohort() else []
        if students:
            self._browser.post(f"{path}students/", {"user": self._choice.choice(students)})

    def change_status(self) -> None:
        """Change the status of a student in the visitor's cohort."""
        path = f"/academy/cohorts/{self._slug}/"
        page = self._browser.get(path).text if self._has_cohort() else ""
        forms = re.findall(STUDENT_FORM.format(path=path), page)
        if forms:
            self._browser.post(self._choice.choice(forms), {"educational_status": self._choice.choice(STATUSES)})

    def queue_task(self) -> None:
        """Queue a task, and look at its result later."""
        self._browser.get("/tasks/")
        self._browser.post("/tasks/queue/")

    def search_movie(self) -> None:
        """Search for a movie, sometimes with a new term."""
        new = f"{self._name} {self._choice.randrange(1_000)}"
        text = new if self._choice.random() < 0.1 else self._choice.choice(MOVIES)
        self._browser.get("/movies/")
        self._browser.post("/movies/", {"text": text, "how": self._choice.choice(("now", "background"))})

    def publish(self) -> None:
        """Publish an article, with ten receivers or with ten tasks."""
        self._browser.get("/blocking/")
        self._browser.post(f"/blocking/{self._choice.choice(('signal', 'tasks'))}/")

    def _friend(self) -> dict[str, str]:
        first_name = FIRST_NAMES[self._friends % len(FIRST_NAMES)]
        return {"first_name": first_name, "email": f"{self._name}-{self._friends}@example.org"}

    def _has_cohort(self) -> bool:
        return f'"{self._slug}"' in self._browser.get("/academy/api/cohorts/").text
