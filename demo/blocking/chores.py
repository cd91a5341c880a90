"""The chores of a publication, which are the same in receivers and in tasks."""

from __future__ import annotations

import time

from demo.blocking.models import Chore, Publication
from demo.blocking.signals import chore_done

CHORE_SECONDS = 0.02
CHORES = (
    "index_for_search",
    "warm_front_page",
    "resize_cover",
    "build_feed",
    "update_sitemap",
    "count_words",
    "find_related",
    "ping_partners",
    "post_to_channel",
    "write_audit_log",
)


def do_chore(publication: Publication, name: str) -> None:
    """Do a chore: sleep, as if waiting for a slow service, and store that it was done."""
    time.sleep(CHORE_SECONDS)
    chore_done.send(sender=Chore, chore=Chore.objects.create(publication=publication, name=name))
