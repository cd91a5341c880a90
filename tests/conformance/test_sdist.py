"""The newest sdist is the one with the highest version, as numbers."""

from __future__ import annotations

from pathlib import Path

from .sdist import newest, version_of


def test_newest_compares_versions_as_numbers() -> None:
    sdists = [Path(f"/cache/{name}.tar.gz") for name in ("django-5.2.9", "Django-5.2.19", "django-5.2.2")]
    assert newest(sdists) == Path("/cache/Django-5.2.19.tar.gz")


def test_newest_of_none_is_none() -> None:
    assert newest([]) is None


def test_version_of_is_the_same_whichever_way_django_is_written() -> None:
    assert version_of(Path("Django-5.2.19.tar.gz")) == version_of(Path("django-5.2.19.tar.gz")) == "5.2.19"
