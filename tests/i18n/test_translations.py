"""German and French are complete: every string that the code marks is there, whole, and compiled as it stands."""

import ast
import gettext
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation.template import templatize

from books.models import Book
from tests.i18n.pofile import Entry, read
from tests.support.browser import person

ROOT = Path(settings.BASE_DIR)
CATALOGUES = [(folder, language) for folder in ("locale", "locale_unfold") for language in ("de", "fr")]
PLACEHOLDER = re.compile(r"%\(\w+\)[.\d]*[sdf]|%[sd]|\{\w*\}")
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


@lru_cache
def catalogue(folder: str, language: str) -> list[Entry]:
    return read(ROOT / folder / language / "LC_MESSAGES" / "django.po")


@pytest.mark.parametrize(("folder", "language"), CATALOGUES)
def test_no_string_is_untranslated_or_only_guessed(folder: str, language: str) -> None:
    entries = catalogue(folder, language)
    assert len(entries) > 40
    assert [entry.msgid for entry in entries if entry.fuzzy] == []
    assert [entry.msgid for entry in entries if not all(form.strip() for form in entry.forms)] == []
    assert [entry.msgid for entry in entries if len(entry.forms) != (2 if entry.plural else 1)] == []


@pytest.mark.parametrize(("folder", "language"), CATALOGUES)
def test_every_placeholder_is_kept_in_every_form(folder: str, language: str) -> None:
    wrong = [
        (entry.msgid, form)
        for entry in catalogue(folder, language)
        for form in entry.forms
        if sorted(PLACEHOLDER.findall(form)) != sorted(PLACEHOLDER.findall(entry.plural or entry.msgid))
    ]
    assert wrong == []


@pytest.mark.parametrize(("folder", "language"), CATALOGUES)
def test_what_is_compiled_is_what_is_written(folder: str, language: str) -> None:
    with (ROOT / folder / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in catalogue(folder, language):
        if entry.plural:
            found = [compiled.ngettext(entry.msgid, entry.plural, n) for n in (1, 2)]
        elif entry.context:
            found = [compiled.pgettext(entry.context, entry.msgid)]
        else:
            found = [compiled.gettext(entry.msgid)]
        assert found == entry.forms, f"compile again: {entry.msgid}"


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_string_that_the_code_marks_is_in_the_catalogue(language: str) -> None:
    known = {entry.msgid for entry in catalogue("locale", language)}
    marked = {text for text, _ in marked_strings()}
    assert len(marked) > 400
    assert sorted(marked - known) == []
    assert sorted(known - marked) == [], "no longer used: take it out"


def marked_strings() -> Iterator[tuple[str, str]]:
    """Every string of the product that is marked for translation, with its file."""
    for app in ("books", "jobs", "sourcebatch"):
        for path in sorted((ROOT / app).rglob("*.py")):
            yield from ((text, path.name) for text in in_python(path.read_text(encoding="utf-8")))
    for path in sorted((ROOT / "templates").rglob("*.html")):
        yield from ((text, path.name) for text in in_template(path.read_text(encoding="utf-8")))


def in_python(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and _name(node.func) in MARKS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                yield first.value


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def in_template(source: str) -> Iterator[str]:
    """Django turns a template into something like Python in which only the marked strings are left."""
    calls = r"\b(?:gettext|_|ngettext|pgettext)\((?:u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|r?('''.*?'''))"
    for found in re.finditer(calls, templatize(source), re.DOTALL):
        yield ast.literal_eval(found[1] or found[2])


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Work in progress"),
        ("de", "Laufende Arbeit"),
        ("fr", "Travaux en cours"),
        ("it", "Work in progress"),
    ],
)
@pytest.mark.django_db
def test_the_dashboard_speaks_the_language_that_the_browser_asks_for(
    client: Client, language: str, words: str
) -> None:
    Book.objects.create(title="Epigrammata")
    client.force_login(person("Operator"))
    page = client.get("/admin/", headers={"accept-language": language}).content.decode()
    assert words in page
    assert f'lang="{language if language != "it" else "en"}"' in page


@pytest.mark.django_db
def test_a_person_may_choose_another_language_than_the_browser_s(client: Client) -> None:
    client.force_login(person("Operator"))
    page = client.get("/admin/", headers={"accept-language": "en"}).content.decode()
    assert "Deutsch" in page
    assert "français" in page
    answer = client.post("/language", {"language": "fr", "next": "/admin/"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/"
    assert "Tableau de bord" in client.get("/admin/", headers={"accept-language": "en"}).content.decode()
