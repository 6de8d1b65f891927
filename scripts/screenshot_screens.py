"""Which screens `make screenshots` takes, and what is done on each before its picture."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page

if TYPE_CHECKING:
    from scripts.screenshot_library import Library

Act = Callable[[Page], None]


@dataclass(frozen=True)
class Screen:
    """One picture: its name, its path, what is done before it, and in which dresses it is taken."""

    name: str
    path: str
    act: Act | None = None
    logged_in: bool = True
    dark: bool = True
    wide: bool = True


def click(role: Any, name: str, wait: str = "") -> Act:
    """Press something, then wait for a selector."""

    def act(tab: Page) -> None:
        tab.get_by_role(role, name=name).first.click()
        tab.wait_for_load_state("networkidle")
        if wait:
            tab.wait_for_selector(wait)

    return act


def open_filters(tab: Page) -> None:
    """The filters of a list are in a drawer."""
    tab.get_by_text("Filters").last.click()
    tab.wait_for_timeout(400)


def scan(tab: Page) -> None:
    """Wait for the scan to be drawn."""
    tab.wait_for_selector("#scan[data-open]", state="attached")
    tab.wait_for_timeout(500)


def shortcuts(tab: Page) -> None:
    """The list of shortcuts over the reading room."""
    scan(tab)
    tab.keyboard.press("?")


def pane(name: str) -> Act:
    """On a telephone one column is seen at a time: this one."""

    def act(tab: Page) -> None:
        scan(tab)
        button = tab.get_by_role("button", name=name, exact=True)
        if button.count() and button.first.is_visible():
            button.first.click()

    return act


def versions(tab: Page) -> None:
    """The history of the transcription, opened."""
    pane("Transcription")(tab)
    tab.locator("#pane-ocr .versions summary").click()
    tab.locator("#pane-ocr .versions").scroll_into_view_if_needed()


def conflict(tab: Page) -> None:
    """Somebody else saves while the form is open."""
    from books import texts
    from books.models import Page as BookPage
    from books.models import Source

    pane("Transcription")(tab)
    mine = tab.locator("#data-ocr").input_value()
    page = BookPage.objects.get(pk=tab.url.split("/read/")[1].split("/")[0])
    theirs = texts.NewText("ocr", mine.replace("e", "ę", 3), Source.HUMAN, language="la", author="bert")
    texts.write(page, theirs)
    tab.locator("#data-ocr").fill(mine.replace("m", "mm", 2))
    tab.locator("#data-ocr").press("Control+s")
    tab.wait_for_selector("textarea")
    tab.wait_for_load_state("networkidle")


def import_preview(address: str) -> Act:
    """Look at a manifest before it is imported."""

    def act(tab: Page) -> None:
        tab.get_by_label("Address of a IIIF manifest").fill(address)
        click("button", "Look at it")(tab)

    return act


def draw_sample(book_id: str) -> Act:
    """A random sample with three judgements."""

    def act(tab: Page) -> None:
        tab.locator("select[name=book]").select_option(book_id)
        tab.get_by_role("button", name="Draw a sample").click()
        for verdict in ("Right", "Right", "Wrong"):
            tab.get_by_role("button", name=verdict).click()
            tab.wait_for_load_state("networkidle")

    return act


def before() -> list[Screen]:
    """The screens of an installation without a book."""
    return [Screen("login", "/admin/login/", logged_in=False), Screen("dashboard-empty", "/admin/")]


def screens(library: "Library", manifest: str) -> list[Screen]:
    """All others, in the order of the story."""
    from jobs.models import PromptVersion

    job = {name: f"/admin/jobs/job/{one.pk}/change/" for name, one in library.jobs.items()}
    book = {name: f"/admin/books/book/{one.pk}/change/" for name, one in library.books.items()}

    def room(number: int, rest: str = "", shelf: str = "sample") -> str:
        return f"/read/{library.page(shelf, number).pk}/{rest}"

    public = f"/library/{library.sample.pk}/"
    trial = library.trial.pk if library.trial else ""
    draft = PromptVersion.objects.get(type="batch_ocr", version=2).pk
    return [
        Screen("dashboard", "/admin/"),
        Screen("books", "/admin/books/book/"),
        Screen("books-filters", "/admin/books/book/", open_filters, dark=False),
        Screen("books-search", "/admin/books/book/?q=regem", dark=False),
        Screen("search", "/search/?q=regem"),
        Screen("search-filtered", "/search/?q=et&language=la&kind=ocr"),
        Screen("search-nothing", "/search/?q=elephas"),
        Screen("book", book["sample"]),
        Screen("book-history", book["sample"].replace("change", "history"), dark=False),
        Screen("book-long-title", book["news"], dark=False),
        Screen("pages", "/admin/books/page/", dark=False),
        Screen("import", "/admin/books/book/import/"),
        Screen("import-preview", "/admin/books/book/import/", import_preview(manifest)),
        Screen("confirm", book["cosmos"], click("button", "Create OCR job")),
        Screen("jobs", "/admin/jobs/job/"),
        Screen("job", job["running"]),
        Screen("job-completed", job["completed"], dark=False),
        Screen("job-failures", job["failures"], dark=False),
        Screen("job-failed-pages", job["failures"] + "?state=failed"),
        Screen("job-paused", job["paused"], dark=False),
        Screen("job-cancelled", job["cancelled"], dark=False),
        Screen("job-cancel-confirm", job["running"], click("button", "Cancel")),
        Screen("room", room(3), pane("Transcription")),
        Screen("room-scan", room(3), scan, wide=False),
        Screen("room-edit", room(4, "?edit=ocr"), pane("Transcription")),
        Screen("room-versions", room(3), versions, dark=False),
        Screen("room-shortcuts", room(3), shortcuts, dark=False),
        Screen("room-flagged", room(9), pane("Transcription"), dark=False),
        Screen("room-hebrew", room(2, shelf="genesis"), pane("Transcription"), dark=False),
        Screen("room-greek", room(2, shelf="ilias"), pane("Transcription"), dark=False),
        Screen("room-conflict", room(5, "?edit=ocr"), conflict, dark=False),
        Screen("version", f"/read/texts/{first_version(library)}/", dark=False),
        Screen("review", "/review/"),
        Screen("statistics", "/statistics/", dark=False),
        Screen("samples", "/review/samples/", dark=False),
        Screen("sample", "/review/samples/", draw_sample(library.sample.pk), dark=False),
        Screen("change-log", "/admin/admin/logentry/"),
        Screen("models", "/admin/jobs/geminimodel/"),
        Screen("glossary", book["sample"].replace("change", "glossary"), dark=False),
        Screen(
            "make-again",
            f"/admin/jobs/job/redo/?kind=translation&glossary=on&book={library.sample.pk}",
            dark=False,
        ),
        Screen("prompt-trial", f"/admin/jobs/promptversion/trial/{trial}/"),
        Screen(
            "prompt-try",
            f"/admin/jobs/promptversion/{draft}/try/?book={library.sample.pk}&pages=3",
            dark=False,
        ),
        Screen("room-side-by-side", room(3, "?beside=de"), pane("Translation"), dark=False),
        Screen("prompts", "/admin/jobs/promptversion/", dark=False),
        Screen("spending", "/admin/jobs/paidcall/", dark=False),
        Screen("batches", "/admin/jobs/geminibatch/", dark=False),
        Screen("tokens", "/admin/books/apitoken/", dark=False),
        Screen("token-add", "/admin/books/apitoken/add/", dark=False),
        Screen("public", "/library/", logged_in=False),
        Screen("public-book", public, logged_in=False, dark=False),
        Screen("public-search", f"{public}search/?q=et", logged_in=False),
        Screen("public-downloads", f"{public}export/", logged_in=False, dark=False),
        Screen("public-page", f"{public}3/", logged_in=False),
    ]


def first_version(library: "Library") -> str:
    """The machine's text of the page that people corrected."""
    found = library.page("sample", 3).texts.filter(kind="ocr", is_current=False).order_by("pk").first()
    return found.pk if found else ""
