from __future__ import annotations

from tests.cli.conftest import processes_of
from tests.cli.manage import Manage
from tests.support.projects import Project

SAVE = "from shop.models import Order; order = Order.objects.create(name='tea'); order.save(); print('saved')"


def test_prints_what_the_signals_of_a_command_cost(own_shop: Project) -> None:
    own_shop.run("pass")
    manage = Manage(own_shop.root)
    result = manage("signals", "run", "--", "shell", "--verbosity=0", "-c", SAVE)
    assert result.stdout.startswith("saved\n")
    assert "shop.receivers.send_mail" in result.stdout
    assert "shell took " in result.stdout
    result = manage("signals", "run", "--format", "json", "--", "shell", "--verbosity=0", "-c", SAVE)
    assert {row["name"]: row["count"] for row in result.data["receivers"]} == {
        "shop.receivers.number_order": 2,
        "shop.receivers.send_mail": 2,
        "shop.receivers.audit_everything": 2,
    }
    assert "saved" in result.stderr
    assert "manage.py shell" in {process.title for process in processes_of(own_shop)}


def test_ends_as_the_command_does(manage: Manage) -> None:
    ended = manage("signals", "run", "--", "shell", "-v0", "-c", "raise SystemExit(7)", code=7).stdout
    assert ended.endswith(", and no receiver ran.\n")
    assert "No fixture named" in manage("signals", "run", "--", "loaddata", "nothing.json", code=1).stderr
    unknown = manage("signals", "run", "--", "lodadata", code=1)
    assert "loaddata" in unknown.stderr
    assert not unknown.stdout
    assert "manage.py signals run -- " in manage("signals", "run", code=2).stderr
