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
    found.append([sorted(set(codes)), [number for number in searches if number > 1]])
print("FOUND", json.dumps(found))
"""


def looks(project: Project, *expressions: str) -> list[tuple[list[str], list[int]]]:
    """For each expression that looks for findings: the codes that it finds, and the sizes of its searches."""
    printed = project.command("-c", COUNT.replace("{looks}", "".join(f"lambda: {each}, " for each in expressions)))
    rows: list[tuple[list[str], list[int]]] = json.loads(printed.rpartition("FOUND ")[2])
    return [(codes, sizes) for codes, sizes in rows]


def test_local_functions_are_looked_for_all_at_once_and_not_beside_requests(project: Project) -> None:
    project.write(receivers=LOCALS)
    worker = "map(json.loads, snapshot.take_registry('web').findings)"
    by_worker, by_command = looks(project, worker, "static.findings_here(certain=True)")
    assert "W106" not in by_worker[0]
    assert "W106" in by_command[0]
    assert [size for size in by_worker[1] if size >= 10] == []  # those of the search for signals are smaller
    assert [size for size in by_command[1] if size >= 10] == [51]


def test_many_candidates_are_one_search_of_a_bounded_size(project: Project) -> None:
    project.write(receivers=LOCALS.replace("range(200)", "range(0)").replace("\n    connect_lost()", MANY))
    ((codes, sizes),) = looks(project, "static.findings_here(certain=True)")
    assert "W106" in codes
    assert [size for size in sizes if size >= 10] == [51]


MANY = """
    for number in range(80):
        connect_lost()
"""
