"""Two writers at once end with one current text; a writer that trusts an earlier look does not."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import pytest
from django.db import connections

from books import glossary, reading, texts
from books.models import Book, GlossaryTerm, Kind, Page, PageText, Source
from books.texts import NewText
from sourcebatch.lib.db import atomic, repeated

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30.0

Writer = Callable[[Page, NewText], object]


def a_page() -> Page:
    return Page.objects.create(book=Book.objects.create(title="Epigrammata"), number=1)


def text(data: str, source: str = Source.MACHINE) -> NewText:
    return NewText(kind=Kind.OCR, data=data, source=source)


def together(works: Sequence[Callable[[], object]]) -> list[BaseException]:
    """Run all of them at once, each on a connection of its own; the errors they ended with."""
    start, errors = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(PATIENCE)
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return errors


def test_many_writers_at_once_leave_one_current_text_and_lose_none() -> None:
    page = a_page()
    assert together([partial(texts.write, page, text(str(n))) for n in range(8)]) == []
    assert PageText.objects.filter(page=page).count() == 8
    assert PageText.objects.filter(page=page, is_current=True).count() == 1


@pytest.mark.parametrize("before", [True, False])
def test_i27_a_persons_text_wins_against_machines_at_the_same_moment(before: bool) -> None:
    for _ in range(5):
        page = a_page()
        if before:
            texts.write(page, text("older"))
        news = [*(text(str(n)) for n in range(3)), text("mine", Source.HUMAN)]
        assert together([partial(texts.write, page, new) for new in news]) == []
        assert PageText.objects.get(page=page, is_current=True).data == "mine"
        assert PageText.objects.filter(page=page).count() == 4 + before


def trusting(page: Page, new: NewText, looked: threading.Event, go: threading.Event) -> None:
    """What a writer would do that looks first and acts on what it saw."""
    held = PageText.objects.filter(page=page, source=Source.HUMAN, is_current=True).exists()
    looked.set()
    go.wait(PATIENCE)
    with atomic():
        PageText.objects.filter(page=page, is_current=True).update(is_current=False)
        PageText.objects.create(
            page=page, kind=new.kind, data=new.data, source=new.source, text_sha256="", is_current=not held
        )


def guarded(page: Page, new: NewText, looked: threading.Event, go: threading.Event) -> None:
    """The product's writer, started while the person's text is written but not yet committed."""
    looked.set()
    texts.write(page, new)


def person_meanwhile(page: Page, looked: threading.Event, go: threading.Event) -> None:
    looked.wait(PATIENCE)
    texts.write(page, text("mine", Source.HUMAN))
    go.set()


@pytest.mark.parametrize(("machine", "winner"), [(guarded, "mine"), (trusting, "its")])
def test_i27_a_correction_between_look_and_write_survives_only_with_the_guard(
    machine: Callable[[Page, NewText, threading.Event, threading.Event], None], winner: str
) -> None:
    page, looked, go = a_page(), threading.Event(), threading.Event()
    texts.write(page, text("older"))
    works = [partial(machine, page, text("its"), looked, go), partial(person_meanwhile, page, looked, go)]
    assert together(works) == []
    assert PageText.objects.get(page=page, is_current=True).data == winner


def test_a_job_and_people_who_write_the_same_pages_do_not_lock_each_other_out() -> None:
    book = Book.objects.create(title="Epigrammata")
    pages = [Page.objects.create(book=book, number=number) for number in range(1, 41)]
    texts.write_many([(page, text("older")) for page in pages])

    def job() -> None:
        for n in range(8):
            news = [(page, text(f"{page.number}, {n}")) for page in pages]
            repeated(partial(chunk, news))

    def chunk(news: list[tuple[Page, NewText]]) -> None:
        with atomic():
            texts.write_many(news, overwrite="human")

    def person(order: int) -> None:
        for page in pages[::order]:
            current = page.current(Kind.OCR)
            edit = reading.Edit(Kind.OCR, f"mine {order}", current.pk if current else "")
            with suppress(reading.Overtaken):
                reading.save(page, edit, author="anna")

    assert together([job, partial(person, 1), partial(person, -1)]) == []
    assert PageText.objects.filter(page__book=book, is_current=True).count() == len(pages)


def test_of_two_who_wait_for_each_other_both_get_done() -> None:
    books = [Book.objects.create(title=title, author="") for title in ("Epigrammata", "Odes")]
    both_have_one = threading.Barrier(2)

    def change(name: str, first: Book, second: Book) -> None:
        def attempt() -> None:
            with atomic():
                Book.objects.filter(pk=first.pk).update(author=name)
                # Where only one can be here the other does not come, and the second time nobody waits.
                with suppress(threading.BrokenBarrierError):
                    both_have_one.wait(2)
                Book.objects.filter(pk=second.pk).update(author=name)

        repeated(attempt)

    assert together([partial(change, "anna", *books), partial(change, "beatus", *reversed(books))]) == []
    one, other = Book.objects.values_list("author", flat=True)
    assert one == other != ""


def test_people_who_replace_a_glossary_at_once_end_with_one_whole_glossary() -> None:
    book = Book.objects.create(title="Epigrammata")
    lists = [[glossary.Term(f"verbum {n}", who) for n in range(30)] for who in ("ann", "bob", "eve", "kim")]
    works = [partial(glossary.replace, book, "en", terms, by=terms[0].rendering) for terms in lists]
    for _ in range(3):
        assert together(works) == []
        kept = GlossaryTerm.objects.filter(book=book).values_list("created_by", flat=True)
        assert len(kept) == 30
        assert len(set(kept)) == 1
