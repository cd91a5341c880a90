"""The initial data of the demo site; running it again adds only what is missing."""

from __future__ import annotations

from django.contrib.auth.models import User

from demo.admissions.models import Cohort
from demo.admissions.serializers import CohortSerializer
from demo.authenticate.models import ProfileAcademy
from demo.marketing.models import FormEntry
from demo.todos.models import Todo

USERNAME = PASSWORD = "demo"  # noqa: S105 - printed for everyone to use
NEIGHBOURS = {
    "ada": ("Ada", "Writes programs for machines that are not built yet."),
    "grace": ("Grace", "Found the first bug; keeps it in the log book."),
    "tove": ("Tove", "Draws small creatures with large noses."),
}
SHARED_TODOS = (
    "Open the dashboard in a second window",
    "Mark this todo done, and see who received it",
    "Ask the pitfalls for a slow report",
)
COHORT = {"slug": "first-cohort", "name": "First cohort", "kickoff_date": "2027-01-11"}
INVITED = {"first_name": "Katherine", "email": "katherine@example.org"}
OWN_TODOS = ("Water the plants", "Read the waterfall of a dispatch", "Move a slow receiver into a task queue")


def seed() -> None:
    """Create the user ``demo``, a few others, todos for all, and an academy."""
    _seed_demo_user()
    for username, (display_name, bio) in NEIGHBOURS.items():
        _seed_neighbour(username, display_name, bio)
    if not Todo.objects.filter(owner=None).exists():
        _seed_todos(None, SHARED_TODOS)
    _seed_academy()


def _seed_demo_user() -> None:
    user, created = User.objects.get_or_create(username=USERNAME, defaults={"email": "demo@example.org"})
    if not (user.is_staff and user.is_superuser and user.check_password(PASSWORD)):
        user.is_staff = user.is_superuser = True
        user.set_password(PASSWORD)
        user.save()
    if created:
        _seed_todos(user, OWN_TODOS)


def _seed_neighbour(username: str, display_name: str, bio: str) -> None:
    user, created = User.objects.get_or_create(username=username, defaults={"email": f"{username}@example.org"})
    if created:
        user.set_unusable_password()
        user.profile.display_name = display_name
        user.profile.bio = bio
        user.save()
        _seed_todos(user, OWN_TODOS[:1])


def _seed_todos(owner: User | None, titles: tuple[str, ...]) -> None:
    for title in titles:
        Todo.objects.create(owner=owner, title=title)


def _seed_academy() -> None:
    if not Cohort.objects.filter(slug=COHORT["slug"]).exists():
        serializer = CohortSerializer(data=COHORT)
        serializer.is_valid(raise_exception=True)
        serializer.save()
    # An invitation to accept, and a form entry that is bound to the user who accepts it.
    if not ProfileAcademy.objects.filter(email=INVITED["email"]).exists():
        ProfileAcademy.objects.create(**INVITED)
        FormEntry.objects.create(**INVITED)
