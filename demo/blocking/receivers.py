"""Ten chores as receivers of one signal, and one receiver that queues the same ten."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from demo.blocking.chores import CHORES, do_chore
from demo.blocking.models import Chore, Publication
from demo.blocking.signals import article_published, article_queued, chore_done
from demo.blocking.tasks import do_chore_later


@receiver(article_published)
def index_for_search(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Put the article into the search index."""
    do_chore(publication, "index_for_search")


@receiver(article_published)
def warm_front_page(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Render the front page."""
    do_chore(publication, "warm_front_page")


@receiver(article_published)
def resize_cover(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Resize the cover picture to three sizes."""
    do_chore(publication, "resize_cover")


@receiver(article_published)
def build_feed(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Write the feed that readers subscribe to."""
    do_chore(publication, "build_feed")


@receiver(article_published)
def update_sitemap(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Add the article to the sitemap."""
    do_chore(publication, "update_sitemap")


@receiver(article_published)
def count_words(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Count the words, to estimate the reading time."""
    do_chore(publication, "count_words")


@receiver(article_published)
def find_related(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Find related articles."""
    do_chore(publication, "find_related")


@receiver(article_published)
def ping_partners(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Notify partner sites."""
    do_chore(publication, "ping_partners")


@receiver(article_published)
def post_to_channel(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Post it in the editors' channel."""
    do_chore(publication, "post_to_channel")


@receiver(article_published)
def write_audit_log(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Log who published it."""
    do_chore(publication, "write_audit_log")


@receiver(article_queued)
def queue_chores(sender: type[Publication], publication: Publication, **_kwargs: object) -> None:
    """Queue the ten chores, once the publication is committed and a worker can find it."""

    def queue() -> None:
        for name in CHORES:
            do_chore_later.delay(publication.pk, name)

    transaction.on_commit(queue)


@receiver(chore_done)
def note_last_chore(sender: type[Chore], chore: Chore, **_kwargs: object) -> None:
    """Store when the last chore of a publication is done."""
    if chore.publication.chores.count() == len(CHORES):
        Publication.objects.filter(pk=chore.publication_id).update(finished_at=timezone.now())
