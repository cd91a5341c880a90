"""What the rules that search a process or its files take: how often, how much, and where."""

from __future__ import annotations

import json

from tests.support.projects import Project

LOCALS = """
    from django.dispatch import Signal

    paid, kept = Signal(), []

    def connect_kept(number):
        def keep_number(**kwargs): return number
        kept.append(keep_number)
        paid.connect(keep_number)

    def connect_lost():
        def lose(**kwargs): ...
        paid.connect(lose)

    for number in range(200):
        connect_kept(number)
    connect_lost()
"""
COUNT = """
import gc, json
import django
django.setup()
import shop.urls
searches = []
search = gc.get_referrers
gc.get_referrers = lambda *objects: searches.append(len(objects)) or search(*objects)
from signal_monitor.findings import static
from signal_monitor.registry import snapshot, search as signal_search
found = []
for look in ({looks}):
    del searches[:]
    codes = [f["code"] if isinstance(f, dict) else f.code for f in look()]
    found.append([sorted(set(codes)), searches[:]])
print("FOUND", json.dumps(found))
"""


def looks(project: Project, *expressions: str) -> list[tuple[list[str], list[int]]]:
    """For each expression that looks for findings: the codes that it finds, and the sizes of its searches."""
    printed = project.command("-c", COUNT.replace("{looks}", "".join(f"lambda: {each}, " for each in expressions)))
    rows: list[tuple[list[str], list[int]]] = json.loads(printed.rpartition("FOUND ")[2])
    return [(codes, sizes) for codes, sizes in rows]


def test_local_functions_are_found_without_a_search_of_all_objects(project: Project) -> None:
    project.write(receivers=LOCALS)
    worker = "map(json.loads, snapshot.take_registry('web').findings)"
    for codes, sizes in looks(project, worker, "static.findings_here(certain=True)"):
        assert "W106" in codes
        assert sizes == []


FORGOTTEN = """
from django.db.models.signals import post_save
from django.dispatch import receiver

@receiver(post_save)
def forget(sender, **kwargs): ...
"""
FOUND = """
import json, os, time
import django
django.setup()
import shop.urls
opened = []
import sys
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and args[0] else None)
from signal_monitor.findings.static import findings_here
looks = []
for _ in range(2):
    del opened[:]
    found = sorted(finding.detail for finding in findings_here() if finding.code == "W111")
    looks.append([found, sum("/shop/" in path for path in opened)])
print("FOUND", json.dumps(looks))
"""


def forgotten_modules(project: Project) -> list[tuple[list[str], int]]:
    """What two looks find, and how many files of the app each opens."""
    rows: list[tuple[list[str], int]] = json.loads(project.command("-c", FOUND).rpartition("FOUND ")[2])
    return [(found, opened) for found, opened in rows]


def test_environments_and_folders_that_are_no_packages_are_not_searched(project: Project) -> None:
    project.write(forgotten=FORGOTTEN)
    shop = project.root / "shop"
    for folder in (".hidden", "env/lib/python3", "node_modules/tool", "my-scripts", "lib/site-packages/other"):
        (shop / folder).mkdir(parents=True)
        (shop / folder / "lost.py").write_text(FORGOTTEN, encoding="utf-8")
    (shop / "env" / "pyvenv.cfg").write_text("", encoding="utf-8")
    (shop / "load-data.py").write_text(FORGOTTEN, encoding="utf-8")
    assert [found for found, _opened in forgotten_modules(project)] == [["shop.forgotten"]] * 2


def test_a_project_of_very_many_files_is_given_up_and_not_looked_at_again(project: Project) -> None:
    project.write(forgotten=FORGOTTEN)
    many = project.root / "shop" / "many"
    many.mkdir()
    for number in range(2_500):
        (many / f"module{number}.py").write_text("receiver = 1\n", encoding="utf-8")
    (first, opened), (again, opened_again) = forgotten_modules(project)
    assert first == again == []
    assert opened <= 2_010
    assert opened_again == 0


def test_very_long_files_are_not_read(project: Project) -> None:
    project.write(forgotten=FORGOTTEN)
    with (project.root / "shop" / "data.py").open("w", encoding="utf-8") as file:
        file.truncate(25_000_000)
    (found, _opened), _again = forgotten_modules(project)
    assert found == []
