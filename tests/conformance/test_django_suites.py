"""Django's own tests of its dispatcher, and of what dispatches most, cannot tell that the monitor is there."""

from __future__ import annotations

import os

import pytest

from tests.support.matrix import with_more
from tests.support.servers import unavailable

from .compare import complaints, differences, rerun
from .errors import SdistUnavailableError
from .run import APPS
from .sdist import fetch_sdist, installed_django, unpack
from .suite import Mode, Run, Suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    try:
        sdist = fetch_sdist(installed_django())
    except SdistUnavailableError as error:
        unavailable(str(error))
    return Suite(unpack(sdist, tmp_path_factory.mktemp("django")), parallel=os.cpu_count() or 1)


@pytest.fixture(scope="module")
def plain(suite: Suite) -> Run:
    return suite.run(APPS, "plain")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", with_more(["plans"], ["no-plans"]))
def test_tests_of_django_do_not_see_the_monitor(suite: Suite, plain: Run, path: Mode) -> None:
    instrumented = suite.run(APPS, path)
    verdict = rerun(differences(plain, instrumented), suite.run_alone, path)
    assert [str(difference) for difference in verdict.real] == []
    assert complaints(instrumented, path) == []
    assert set(instrumented.outcomes.values()) <= {"passed", "skipped", "failed as expected"}
