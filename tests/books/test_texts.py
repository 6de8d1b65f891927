"""Every write is a new row, and a person's text is never replaced by a machine's unasked."""

import hashlib

import pytest

from books import texts
from books.models import Book, Kind, Page, PageText, Source
from books.texts import NewText
from sourcebatch.lib.db import atomic

pytestmark = pytest.mark.django_db


def a_page(number: int = 1) -> Page:
    book = Book.objects.create(title="Epigrammata", language="la")
    return Page.objects.create(book=book, number=number)


def machine(data: str, **more: object) -> NewText:
    return NewText(kind=Kind.OCR, data=data, source=Source.MACHINE, **more)  # type: ignore[arg-type]


def human(data: str) -> NewText:
    return NewText(kind=Kind.OCR, data=data, source=Source.HUMAN, author="Erasmus")


def current(page: Page, kind: str = Kind.OCR, target: str = "") -> str | None:
    found = page.current(kind, target)
    return found.data if found else None


def test_it_makes_the_first_text_current_and_hashes_its_utf8_bytes() -> None:
    page = a_page()
    written = texts.write(page, machine("ſic tranſit"))
    assert written.is_current and written.kept == ""
    assert current(page) == "ſic tranſit"
    assert written.text.text_sha256 == hashlib.sha256("ſic tranſit".encode()).hexdigest()


def test_it_keeps_the_older_machine_text_in_history() -> None:
    page = a_page()
    texts.write(page, machine("first"))
    texts.write(page, machine("second"))
    assert current(page) == "second"
    assert sorted(PageText.objects.filter(page=page).values_list("data", flat=True)) == ["first", "second"]


def test_i27_a_machine_never_replaces_a_persons_text_unless_told() -> None:
    page = a_page()
    texts.write(page, human("mine"))
    kept = texts.write(page, machine("its"))
    assert not kept.is_current and "person's text stays" in kept.kept
    assert current(page) == "mine"
    assert not PageText.objects.get(pk=kept.text.pk).is_current
    assert texts.write(page, machine("told so"), overwrite="human").is_current
    assert current(page) == "told so"


def test_without_overwrite_any_text_that_is_there_stays() -> None:
    page = a_page()
    texts.write(page, machine("first"), overwrite="")
    second = texts.write(page, machine("second"), overwrite="")
    assert not second.is_current and "was there stays" in second.kept
    assert current(page) == "first"
    assert PageText.objects.filter(page=page).count() == 2


@pytest.mark.parametrize("overwrite", ["", "machine", "human"])
def test_a_person_always_becomes_current(overwrite: str) -> None:
    page = a_page()
    texts.write(page, human("before"))
    assert texts.write(page, human("after"), overwrite=overwrite).is_current
    assert current(page) == "after"


def test_an_import_does_not_replace_a_persons_text_but_a_machine_may_replace_an_import() -> None:
    page = a_page()
    imported = NewText(kind=Kind.OCR, data="imported", source=Source.IMPORT)
    texts.write(page, imported)
    assert texts.write(page, machine("read again")).is_current
    texts.write(page, human("mine"))
    assert not texts.write(page, imported).is_current


def test_translations_into_two_languages_stand_beside_each_other() -> None:
    page = a_page()
    for target in ("en", "de"):
        new = NewText(kind=Kind.TRANSLATION, data=target, source=Source.MACHINE, target_language=target)
        assert texts.write(page, new).is_current
    assert (current(page, Kind.TRANSLATION, "en"), current(page, Kind.TRANSLATION, "de")) == ("en", "de")


def test_it_refuses_a_word_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="overwrite must be"):
        texts.write(a_page(), machine("x"), overwrite="yes")


def test_it_keeps_where_a_text_comes_from() -> None:
    flags = [{"rule": "loop", "reason": "It repeats itself."}]
    new = machine(
        "text", model="m", prompt_version="batch_ocr/1", image_sha256="a" * 64, job_id="j", input_tokens=3,
        output_tokens=4, thinking_tokens=5, cost_micro_usd=6, finish_reason="STOP", flags=flags,
        language="la",
    )  # fmt: skip
    row = PageText.objects.get(pk=texts.write(a_page(), new).text.pk)
    assert (row.model, row.prompt_version, row.job_id, row.language) == ("m", "batch_ocr/1", "j", "la")
    assert (row.input_tokens, row.output_tokens, row.thinking_tokens, row.cost_micro_usd) == (3, 4, 5, 6)
    assert row.flags == flags and row.is_flagged


def test_it_stores_what_a_database_would_refuse() -> None:
    page = a_page()
    texts.write(page, machine("a\0b \ud800 \U0001d510"))
    assert current(page) == "ab � \U0001d510"


def test_an_older_version_comes_back_as_a_new_row_that_costs_nothing() -> None:
    page = a_page()
    old = texts.write(page, machine("old", model="m", cost_micro_usd=7, input_tokens=9)).text
    texts.write(page, human("new"))
    back = texts.restore(old, author="Beatus")
    assert back.is_current and current(page) == "old"
    assert back.text.pk != old.pk
    row = PageText.objects.get(pk=back.text.pk)
    assert (row.author, row.model, row.cost_micro_usd, row.input_tokens) == ("Beatus", "m", 0, 0)
    assert texts.restore(row, author="Beatus").text.pk == row.pk


def test_dismissed_flags_stay_readable_but_count_no_more() -> None:
    page = a_page()
    text = texts.write(page, machine("x", flags=[{"rule": "loop", "reason": "It repeats itself."}])).text
    assert list(PageText.objects.flagged()) == [text]
    texts.dismiss_flags(text, by="Erasmus")
    row = PageText.objects.get(pk=text.pk)
    assert not row.is_flagged and row.flags[0]["dismissed_by"] == "Erasmus" and row.flags[0]["rule"] == "loop"


def test_flags_noted_since_a_person_looked_stay_open() -> None:
    page = a_page()
    looked_at = texts.write(page, machine("x", flags=[{"rule": "loop", "reason": "It repeats itself."}])).text
    now = PageText.objects.get(pk=looked_at.pk)
    assert texts.flag(now, {"rule": "neighbours", "reason": "It is the page before."})
    texts.dismiss_flags(looked_at, by="Erasmus")
    row = PageText.objects.get(pk=looked_at.pk)
    assert row.is_flagged and Page.objects.get(pk=page.pk).flagged
    assert [flag.get("dismissed_by") for flag in row.flags] == ["Erasmus", None]
    texts.dismiss_flags(row, by="Beatus")
    row = PageText.objects.get(pk=looked_at.pk)
    assert not row.is_flagged and not Page.objects.get(pk=page.pk).flagged
    assert [flag.get("dismissed_by") for flag in row.flags] == ["Erasmus", "Beatus"]


def test_a_restored_text_whose_flags_were_dismissed_is_not_flagged_again() -> None:
    page = a_page()
    text = texts.write(page, machine("x", flags=[{"rule": "loop", "reason": "It repeats itself."}])).text
    texts.dismiss_flags(text, by="Erasmus")
    texts.write(page, machine("y"))
    assert not texts.restore(text, author="Erasmus").text.is_flagged


def test_a_review_names_who_and_when() -> None:
    text = texts.write(a_page(), machine("x")).text
    texts.mark_reviewed(text, by="Beatus")
    row = PageText.objects.get(pk=text.pk)
    assert row.reviewed_by == "Beatus" and row.reviewed_at is not None


def test_a_page_is_blank_until_a_person_overrules_it() -> None:
    page = a_page()
    assert texts.mark_blank(page) and Page.objects.get(pk=page.pk).blank
    texts.unmark_blank(page, overrule=True)
    assert not texts.mark_blank(page)
    assert not Page.objects.get(pk=page.pk).blank


def test_a_write_inside_a_larger_transaction_leaves_it_usable() -> None:
    page = a_page()
    with atomic():
        texts.write(page, human("mine"))
        texts.write(page, machine("its"))
        Page.objects.filter(pk=page.pk).update(label="1r")
    assert Page.objects.get(pk=page.pk).label == "1r" and current(page) == "mine"
