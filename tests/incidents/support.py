"""What the incident tests share: steps of jobs, looks at the books, the watch over batches that were let go of."""

from collections import Counter
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Sum
from django.db.models.functions import Length

from books.models import Book, Page, PageText
from jobs import lifecycle
from jobs.lifecycle import NewJob, Unavailable
from jobs.lifecycle.common import figures
from jobs.lifecycle.watch import watch
from jobs.models import GeminiBatch, Job, JobPage, PageState, PaidCall, Spending
from tests.support.library import TESTER, order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.pages import printed

__all__ = ["TESTER", "make_book", "order_ocr", "run"]
LINES = (
    "Quid tibi uis mulier, nigris dignissima barris?",
    "Munera cur mihi quidue tabellas mittis, amice,",
    "nec firmo iuueni neque naris obesae?",
    "Namque sagacius unus odoror, polypus an grauis",
    "hirsutis cubet hircus in alis, quam canis acer",
)


def make_book(pages: int = 3, *, title: str = "Epigrammata", language: str = "la", **fields: Any) -> Book:
    """A book of small stored scans, each with its own number drawn and written into it."""
    book = Book.objects.create(title=title, language=language, **fields)
    for number in range(1, pages + 1):
        name = f"tests/{book.pk}/{number}.jpg"
        default_storage.save(name, ContentFile(printed(number, 300, 420, book=book.pk)))
        Page.objects.create(book=book, number=number, image_file=name)
    book.recount()
    return book


def step(job: Job) -> dict[str, Any]:
    """One step of a job; its answer."""
    return lifecycle.advance(job.pk, TESTER).payload


def steps_until(job: Job, phase: str, most: int = 20) -> dict[str, Any]:
    """Steps until one answers with this phase or state."""
    for _ in range(most):
        answer = step(job)
        if phase in (answer.get("phase"), answer.get("gemini_state")):
            return answer
    raise AssertionError(f"{phase} was not reached: {answer}")


def failing_step(job: Job) -> Unavailable:
    """A step that must say that Gemini is failing for now."""
    try:
        answer = step(job)
    except Unavailable as error:
        return error
    raise AssertionError(f"the step did not fail: {answer}")


def run_patiently(job: Job, *, most: int = 60) -> None:
    """Steps until the job has ended, whatever fails for now in between."""
    for _ in range(most):
        try:
            if lifecycle.advance(job.pk, TESTER).done:
                return job.refresh_from_db()
        except Unavailable:
            continue
    raise AssertionError(f"The job has not ended: {figures(job.pk)} {job.error}")


def look_after(server: LocalGemini) -> None:
    """Let what is at Gemini end, and have the watch look at what was let go of until nothing is left to see."""
    server.wait_until_done()
    for _ in range(6):
        GeminiBatch.objects.update(next_poll_at=None)
        watch(TESTER)


def texts_of(book: Book, kind: str = "ocr") -> dict[int, str]:
    """The current text of each page, by page number."""
    rows = PageText.objects.current().filter(page__book=book, kind=kind)
    return dict(rows.values_list("page__number", "data"))


def assert_each_page_has_its_own_text(book: Book) -> None:
    """The stand-in writes what the scan's comment says: `page 7 of BOOK`."""
    found = texts_of(book)
    assert sorted(found) == sorted(book.pages.values_list("number", flat=True))
    for number, text in found.items():
        assert f"page {number} of {book.pk}" in text


def ledger(job: Job) -> Counter[str]:
    """How many pages are in which state."""
    return Counter(job.ledger.values_list("state", flat=True))


def row(job: Job, number: int) -> JobPage:
    """The ledger's line of one page."""
    return job.ledger.get(number=number)


def assert_books_balance() -> None:
    """Nothing is set aside any more, and what was spent is what the calls cost."""
    for period in Spending.objects.all():
        assert period.reserved == 0, period
    paid = PaidCall.objects.aggregate(total=Sum("cost_micro_usd"))["total"] or 0
    for digits in (len("2026-11-23"), len("2026-11")):
        periods = Spending.objects.annotate(digits=Length("period")).filter(digits=digits)
        assert (periods.aggregate(total=Sum("spent"))["total"] or 0) == paid
    assert not GeminiBatch.objects.exclude(reserved_micro_usd=0).exists()


def assert_nothing_sent_twice(server: LocalGemini) -> None:
    """Every request was in exactly one accepted batch."""
    assert server.sent()["keys_twice"] == {}


def translate(book: Book, **options: Any) -> Job:
    """A translation job over the whole book."""
    return lifecycle.create(NewJob("batch_translate", None, book.pk, **options), TESTER).job


def read_book(pages: int = 3, **fields: Any) -> Book:
    """A book that has its transcriptions already, and no images."""
    book = Book.objects.create(title="Epodi", language=fields.pop("language", "la"), **fields)
    for number in range(1, pages + 1):
        page = Page.objects.create(book=book, number=number)
        lines = "\n".join(LINES[(number + turn) % len(LINES)] for turn in range(7))
        write_text(page, f"{lines}\nPagina {number}.")
    book.recount()
    return book


def write_text(page: Page, data: str, *, source: str = "machine", kind: str = "ocr", **more: Any) -> PageText:
    """A text on a page."""
    from books import texts

    return texts.write(
        page, texts.NewText(kind=kind, data=data, source=source, **more), overwrite="human"
    ).text


def succeeded(job: Job) -> int:
    """How many of its pages have their text."""
    return job.ledger.filter(state=PageState.SUCCEEDED).count()
