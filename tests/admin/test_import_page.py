"""Importing in the admin: a look first, nothing written before it is confirmed, refusals in one sentence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from books.admin.import_page import Preview
from books.importers import ImportedBook, ImportedPage
from books.models import Book
from tests.admin.test_orders import said
from tests.support.origin import Answer, Origin

MANIFESTS = Path(__file__).resolve().parents[3] / "shared" / "material" / "manifests"


def manifest(pages: int = 3, label: str = "Ars magna") -> bytes:
    """A small IIIF manifest with plain images."""
    base = "https://library.example/ars"
    canvases = [
        {
            "@id": f"{base}/canvas/{n}", "@type": "sc:Canvas", "label": f"f. {n}r", "width": 100, "height": 150,
            "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "on": f"{base}/canvas/{n}",
                        "resource": {"@id": f"{base}/{n}.jpg", "@type": "dctypes:Image", "format": "image/jpeg"}}],
        }
        for n in range(1, pages + 1)
    ]  # fmt: skip
    return json.dumps({
        "@context": "http://iiif.io/api/presentation/2/context.json", "@id": f"{base}/manifest.json",
        "@type": "sc:Manifest", "label": label, "sequences": [{"@type": "sc:Sequence", "canvases": canvases}],
    }).encode()  # fmt: skip


def hand_in(client: Client, content: bytes, name: str = "manifest.json") -> Any:
    file = SimpleUploadedFile(name, content, "application/json")
    return client.post(reverse("admin:books_book_import"), {"url": "", "file": file})


def confirm(client: Client) -> Any:
    return client.post(reverse("admin:books_book_import_preview"), follow=True)


def test_a_file_is_looked_at_first_and_imported_when_confirmed(boss: Client) -> None:
    answer = hand_in(boss, manifest())
    assert answer["Location"] == reverse("admin:books_book_import_preview")
    look = boss.get(answer["Location"])
    assert "Ars magna" in said(look)
    assert "Import 3 pages" in said(look)
    assert not Book.objects.exists()
    after = confirm(boss)
    book = Book.objects.get()
    assert (book.title, book.pages_count, book.created_by) == ("Ars magna", 3, "librarian")
    assert after.redirect_chain[-1][0] == reverse("admin:books_book_change", args=[book.pk])


def shown_fields(look: Any) -> dict[str, str]:
    """The fields of the preview as a browser sends them: each with what was found beside it."""
    form = look.context["form"]
    return {
        f"{prefix}{name}": str(form[name].value() or "")
        for name in form.fields
        for prefix in ("", "initial-")
    }


def test_what_a_person_knows_better_is_said_in_the_preview_and_stays(boss: Client) -> None:
    address = hand_in(boss, manifest())["Location"]
    asked = shown_fields(boss.get(address))
    assert asked["title"] == "Ars magna"
    refused = boss.post(address, asked | {"language": "zzqq"})
    assert "zzqq" in said(refused)
    assert not Book.objects.exists()
    boss.post(address, asked | {"language": "Latin", "author": "Ramon Llull"})
    book = Book.objects.get()
    assert (book.title, book.author, book.language) == ("Ars magna", "Ramon Llull", "la")
    look = boss.get(hand_in(boss, manifest(4))["Location"])
    assert look.context["form"] is None
    confirm(boss)
    book.refresh_from_db()
    assert (book.pages_count, book.author, book.language) == (4, "Ramon Llull", "la")


def test_what_is_left_as_it_was_found_is_no_correction(boss: Client) -> None:
    address = hand_in(boss, manifest())["Location"]
    boss.post(address, shown_fields(boss.get(address)))
    hand_in(boss, manifest().replace(b"Ars magna", b"Ars brevis"))
    confirm(boss)
    assert Book.objects.get().title == "Ars brevis"


def test_pages_without_names_are_counted_and_nothing_more(boss: Client) -> None:
    pages = tuple(ImportedPage(str(n), image_url=f"https://x.org/{n}") for n in range(30))
    assert Preview(ImportedBook("Ars magna", pages=pages), None).first_labels == ""
    named = (replace(pages[0], label="a1r"), *pages[1:])
    assert Preview(ImportedBook("Ars magna", pages=named), None).first_labels == "a1r …"


def test_an_address_is_fetched_by_the_one_door(boss: Client, origin: Origin) -> None:
    origin.answers["/manifest.json"] = Answer(manifest(2), headers={"Content-Type": "application/json"})
    answer = boss.post(reverse("admin:books_book_import"), {"url": f"{origin.url}/manifest.json"})
    assert answer.status_code == 302
    confirm(boss)
    assert Book.objects.get().pages_count == 2
    assert origin.requests["/manifest.json"] == 1


@pytest.mark.parametrize("path", ["/bad/404", "/bad/to-metadata", "/bad/html"])
def test_what_cannot_be_had_is_said_in_a_sentence(boss: Client, origin: Origin, path: str) -> None:
    answer = boss.post(reverse("admin:books_book_import"), {"url": origin.url + path})
    assert answer.status_code == 200
    assert answer.context["refused"].sentence in answer.content.decode().replace("&#x27;", "'").replace(
        "&quot;", '"'
    )
    assert not Book.objects.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\x00", b"<html></html>", b"[1, 2"])
def test_what_is_no_book_is_refused_and_not_kept(boss: Client, content: bytes) -> None:
    answer = hand_in(boss, content)
    assert answer.status_code == 200
    assert not Book.objects.exists()
    assert "import" not in boss.session


def test_neither_or_both_of_address_and_file_is_sent_back(boss: Client) -> None:
    assert "one of the two" in said(boss.post(reverse("admin:books_book_import"), {"url": ""}))
    file = SimpleUploadedFile("m.json", manifest())
    both = boss.post(reverse("admin:books_book_import"), {"url": "https://library.example/m", "file": file})
    assert "one of the two" in said(both)


def test_importing_again_says_that_the_book_is_here_and_adds_only_what_is_new(boss: Client) -> None:
    hand_in(boss, manifest(2))
    confirm(boss)
    hand_in(boss, manifest(3))
    assert "This book is here already" in said(boss.get(reverse("admin:books_book_import_preview")))
    confirm(boss)
    assert Book.objects.get().pages_count == 3


def test_confirming_twice_imports_once(boss: Client) -> None:
    hand_in(boss, manifest())
    confirm(boss)
    again = confirm(boss)
    assert again.redirect_chain[-1][0] == reverse("admin:books_book_import")
    assert Book.objects.count() == 1


def test_what_was_handed_in_is_forgotten_after_the_import(boss: Client) -> None:
    hand_in(boss, manifest())
    stored = boss.session["import"]["stored"]
    assert default_storage.exists(stored)
    confirm(boss)
    assert not default_storage.exists(stored)


def test_a_file_that_has_gone_meanwhile_is_asked_for_again(boss: Client) -> None:
    hand_in(boss, manifest())
    default_storage.delete(boss.session["import"]["stored"])
    assert "please give it again" in said(boss.get(reverse("admin:books_book_import_preview")))


@pytest.mark.skipif(
    not MANIFESTS.exists(), reason="the material is beside the project only where it is developed"
)
@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.json")), ids=lambda path: path.stem)
def test_real_manifests_are_previewed_and_imported(boss: Client, path: Path) -> None:
    assert hand_in(boss, path.read_bytes(), path.name).status_code == 302
    assert boss.get(reverse("admin:books_book_import_preview")).status_code == 200
    confirm(boss)
    assert Book.objects.get().pages_count > 0
