"""Which pages some job has given up, kept on the pages so that lists find them by an index."""

from books.models import Page
from jobs.models import Job, JobPage, PageState
from sourcebatch.lib.db import in_chunks


def misjudged(book_id: str) -> dict[str, bool]:
    """What `failed` must be of those pages of a book that have it wrong, by id."""
    # Pages first: another job's page that fails in between is then at worst not seen, and is that job's to note.
    kept = set(Page.objects.filter(book=book_id, failed=True).order_by().values_list("pk", flat=True))
    jobs = list(Job.objects.filter(book=book_id).order_by().values_list("pk", flat=True))
    rows = JobPage.objects.filter(job__in=jobs, state=PageState.FAILED).order_by()
    true = set(rows.values_list("page_id", flat=True))
    return {pk: pk in true for pk in kept ^ true}


def judge(book_id: str) -> int:
    """Make it true again; how many pages had it wrong. Call it in the transaction that changed a ledger."""
    wrong = misjudged(book_id)
    for failed in (True, False):
        ids = sorted(pk for pk, must_be in wrong.items() if must_be == failed)
        for some in in_chunks(ids):
            Page.objects.filter(pk__in=some).update(failed=failed)
    return len(wrong)
