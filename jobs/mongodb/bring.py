"""Takes over what is not here yet: books, then pages with their texts, then jobs with their ledgers.

What is here already stays as it is, so a second run changes nothing, and one that was cut off is simply repeated.
Some hundred documents are held at a time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Model

from books import texts
from books.models import Book, Kind, Page, PageText
from jobs.lifecycle import failures
from jobs.lifecycle.common import Actor, figures, note
from jobs.models import Job, JobPage, PageState, Status
from jobs.mongodb import rows
from jobs.mongodb.rows import Refused
from jobs.mongodb.sources import COLLECTIONS, Damage, Document, Library
from jobs.operations import operation
from sourcebatch.lib.db import atomic, in_chunks

CHUNK = 100
EXAMPLES = 5
IMPORTER = Actor("import_mongodb", "command")
NO_BOOK = "belong to a book that is not here"


@dataclass
class Brought:
    """What was added and what was here, by collection; what could not be taken over, by its reason."""

    added: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    refused: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    damages: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    unfinished: int = 0

    def refuse(self, what: str, reason: str, name: str) -> None:
        """Count it; the first few are told by name."""
        self.counts[what, reason] += 1
        if len(self.refused[what, reason]) < EXAMPLES:
            self.refused[what, reason].append(name)

    def sentences(self) -> Iterator[str]:
        """What could not be taken over, a sentence a reason."""
        for (what, reason), count in self.counts.most_common():
            named = ", ".join(self.refused[what, reason])
            more = ", ..." if count > EXAMPLES else ""
            yield f"{what.capitalize()} that {reason}: {count} not taken over ({named}{more})."
        yield from (f"{damage}: it was left out." for damage in self.damages)
        if self.unfinished:
            yield (
                f"{self.unfinished} jobs were not finished and are here as cancelled: let the old system finish "
                "them and run this again for their texts, or create new jobs."
            )


def bring(library: Library, *, dry_run: bool = False) -> Brought:
    """Take over what is new; `dry_run` only says what that would be, for books, pages and jobs."""
    done = Brought()
    for name in COLLECTIONS:
        documents = _readable(library.documents(name), done)
        while chunk := list(islice(documents, CHUNK)):
            new = _new(name, _unique(name, chunk, done), done)
            if not dry_run:
                _STEPS[name](new, done)
    for pk in done.changed:
        Book.objects.get(pk=pk).recount()
    return done


def _readable(found: Iterator[Document | Damage], done: Brought) -> Iterator[Document]:
    for one in found:
        if isinstance(one, Damage):
            done.damages.append(str(one))
        else:
            yield one


def _unique(name: str, chunk: Sequence[Document], done: Brought) -> dict[str, Document]:
    """The documents by their ids."""
    found: dict[str, Document] = {}
    for document in chunk:
        try:
            pk = rows.id_of(document)
        except Refused as refused:
            done.refuse(name, str(refused), repr(document.get("id", document.get("_id")))[:60])
            continue
        if pk in found:
            done.refuse(name, "have an id that another one has", pk)
        else:
            found[pk] = document
    return found


def _new(name: str, chunk: dict[str, Document], done: Brought) -> dict[str, Document]:
    """Those that are not here; of the pages all, because their texts may be new."""
    here = set(_MODELS[name]._default_manager.filter(pk__in=list(chunk)).values_list("pk", flat=True))
    done.present[name] += len(here)
    done.added[name] += len(chunk) - len(here)
    return chunk if name == "pages" else {pk: one for pk, one in chunk.items() if pk not in here}


# --- Books ----------------------------------------------------------------------------------------------------


def _books(new: dict[str, Document], done: Brought) -> None:
    made = _rows("books", new, rows.book, done)
    named = [one.source_id for one in made if one.source_id]
    taken = set(Book.objects.filter(source_id__in=named).values_list("source_id", flat=True))
    free: list[Book] = []
    for one in made:
        if one.source_id in taken:
            _back("books", "have the source identifier of another book here", one.pk, done)
            continue
        taken |= {one.source_id} if one.source_id else set()
        free.append(one)
    with atomic():
        Book.objects.bulk_create(free)


def _rows(name: str, new: dict[str, Document], make: Any, done: Brought) -> list[Any]:
    made = []
    for pk, document in new.items():
        try:
            made.append(make(document))
        except Refused as refused:
            _back(name, str(refused), pk, done)
    return made


def _back(name: str, reason: str, pk: str, done: Brought) -> None:
    """It was counted as new, and is not taken over after all."""
    done.added[name] -= 1
    done.refuse(name, reason, pk)


# --- Pages and their texts ------------------------------------------------------------------------------------


def _pages(chunk: dict[str, Document], done: Brought) -> None:
    here = Page.objects.in_bulk(list(chunk))
    new = {pk: one for pk, one in chunk.items() if pk not in here}
    made: list[Page] = _rows("pages", new, rows.page, done)
    books = Book.objects.in_bulk([one.book_id for one in (*made, *here.values())])
    there = Page.objects.filter(book__in=list(books), number__in=[one.number for one in made])
    taken = set(there.values_list("book_id", "number"))
    with atomic():
        added = []
        for page in made:
            if page.book_id not in books:
                _back("pages", NO_BOOK, page.pk, done)
            elif (page.book_id, page.number) in taken:
                _back("pages", "have a page_number that another page of the book has", page.pk, done)
            else:
                taken.add((page.book_id, page.number))
                added.append(page)
        Page.objects.bulk_create(added)
        done.changed |= {page.book_id for page in added}
        _texts(sorted((*here.values(), *added), key=lambda page: page.pk), chunk, books, done)


def _texts(pages: Sequence[Page], chunk: dict[str, Document], books: dict[str, Book], done: Brought) -> None:
    known = _known([page.pk for page in pages])
    news: list[tuple[Page, texts.NewText]] = []
    for page in pages:
        page.book = books[page.book_id]
        for new in rows.texts(chunk[page.pk], page.book):
            if isinstance(new, Refused):
                done.refuse("texts", str(new), page.pk)
                continue
            there = known[page.pk, new.kind, new.target_language]
            if texts.text_hash(texts.storable(new.data)) in there:
                done.present["texts"] += 1
            elif there:
                done.refuse("texts", "differ from a text that the page has here, which stays", page.pk)
            else:
                news.append((page, new))
    texts.write_many(news, overwrite="")
    done.added["texts"] += len(news)
    done.changed |= {page.book_id for page, _ in news}


def _known(page_ids: Sequence[str]) -> dict[tuple[str, str, str], set[str]]:
    """The hashes of all versions that these pages have had here."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    versions = PageText.objects.filter(page__in=page_ids).order_by()
    for *key, digest in versions.values_list("page_id", "kind", "target_language", "text_sha256"):
        found[key[0], key[1], key[2]].add(digest)
    return found


# --- Jobs -----------------------------------------------------------------------------------------------------


def _jobs(new: dict[str, Document], done: Brought) -> None:
    books = Book.objects.in_bulk([rows.reference(one.get("book_id")) for one in new.values()])
    for pk, document in new.items():
        of = books.get(rows.reference(document.get("book_id")))
        if of is None:
            _back("jobs", NO_BOOK, pk, done)
            continue
        try:
            job = rows.job(document, of)
        except Refused as refused:
            _back("jobs", str(refused), pk, done)
            continue
        with atomic():
            _job(job, document)
        done.unfinished += job.error.endswith(rows.UNFINISHED)


def _job(job: Job, document: Document) -> None:
    job.save(force_insert=True)
    ids = document.get("page_ids")
    asked = list(dict.fromkeys(map(rows.reference, ids))) if isinstance(ids, list) else []
    for some in in_chunks(asked, CHUNK):
        JobPage.objects.bulk_create(_ledger(job, some))
    Job.objects.filter(pk=job.pk).update(progress=figures(job.pk).as_progress())
    failures.judge(job.book_id)
    note(job, "import", IMPORTER, f"from MongoDB, where its progress was {document.get('progress')!r}"[:500])


def _ledger(job: Job, page_ids: Sequence[str]) -> list[JobPage]:
    """A row for each page that is here: with its text it succeeded, without one it did not."""
    kind = operation(job.type).kind
    pages = list(Page.objects.filter(pk__in=page_ids, book_id=job.book_id).only("pk", "number"))
    target = "" if kind == Kind.OCR else job.target_language
    read = PageText.objects.current().filter(page__in=pages, kind=kind, target_language=target)
    done = set(read.values_list("page_id", flat=True))
    return [
        JobPage(
            job=job, page=page, type=job.type, number=page.number, is_open=False,
            **_end(job, page.pk in done),
        )
        for page in pages
    ]  # fmt: skip


def _end(job: Job, has_text: bool) -> dict[str, str]:
    if has_text and job.status != Status.FAILED:
        return {"state": PageState.SUCCEEDED}
    return {
        "state": PageState.FAILED, "reason": "imported",
        "error": "The page had no text of this job when it came over from MongoDB.",
    }  # fmt: skip


_MODELS: dict[str, type[Model]] = {"books": Book, "pages": Page, "jobs": Job}
_STEPS = {"books": _books, "pages": _pages, "jobs": _jobs}
