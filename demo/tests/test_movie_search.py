"""``manage.py movie_search``: what it prints, and what it says when it cannot."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from demo.movies import omdb
from demo.movies.models import SearchTerm
from demo.tests import omdb_stub
from demo.tests.omdb_stub import Service

catalogue = omdb_stub.catalogue
service = omdb_stub.service

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.mark.django_db
def test_command_prints_movies(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("movie_search", "finding nemo")
    output = capsys.readouterr().out
    assert output.startswith("Finding Nemo (2003)\n  Adventure, Animation, Family · 100 min\n  A timid clownfish")
    assert SearchTerm.objects.get().status == SearchTerm.Status.DONE
    assert omdb.close() is None


@pytest.mark.django_db
def test_command_says_that_nothing_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("movie_search", "nobody", "made", "this")
    assert capsys.readouterr().out == "No movie has all the words of “nobody made this” in its title.\n"


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "message"), [(" ", "This field is required."), ("x" * 101, "at most 100 characters")])
def test_command_refuses_a_bad_term(text: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("movie_search", text)


@pytest.mark.django_db
def test_command_says_that_the_search_failed(service: Service) -> None:
    service.status = 500
    with pytest.raises(CommandError, match="OMDb refused to answer: 500"):
        call_command("movie_search", "nemo")


def test_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("movie_search", "--help")
    assert ended.value.code == 0
    assert "words of their title" in capsys.readouterr().out
