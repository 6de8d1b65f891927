"""*Make again*: machine texts by what made them, of one book or of all; counts and price first, then jobs."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from books import languages
from books.models import Book, Kind, PageText, Source
from books.selection import Made, pages_made
from books.views.access import staff
from jobs import lifecycle
from jobs.admin_actions import orders, outlook, redo
from jobs.admin_actions.form import models_to_choose
from jobs.admin_actions.outlook import Choice, Outlook
from jobs.admin_actions.wording import REASONS
from jobs.lifecycle.create import time_to_expect
from jobs.models import Job, PromptVersion
from jobs.operations import operation, operations
from jobs.operations.base import Operation
from sourcebatch.lib.show import link

MOST_ORDERS = 200
"""Books (in one language each) that are planned while the browser waits; for more there is `manage.py redo`."""
CRITERIA = ("prompt", "model", "before", "flag", "glossary", "stale")
FLAGS = (
    "any", "loop", "too_long", "more_than_the_ink", "wrong_script", "wrong_language", "untranslated", "length_ratio",
    "broken_tags", "preamble", "refusal", "glossary", "not_translated",
)  # fmt: skip


class RedoForm(forms.Form):
    """Which texts, and what makes them now. All that is given must hold."""

    kind = forms.ChoiceField(label=_("Texts"), choices=Kind)
    prompt = forms.ChoiceField(label=_("Made with this prompt"), required=False)
    model = forms.CharField(
        label=_("Made by this model"), required=False, max_length=100,
        help_text=_("As texts name it. What the stand-in made is found by localgemini-rapidocr."),
    )  # fmt: skip
    before = forms.DateField(
        label=_("Made before this day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    flag = forms.ChoiceField(label=_("Flagged"), required=False)
    stale = forms.BooleanField(
        label=_("Translations of transcriptions that have changed since"), required=False
    )
    glossary = forms.BooleanField(
        label=_("Translated with other terms than the glossary has now"), required=False
    )
    target = forms.CharField(
        label=_("Only translations into"), required=False, max_length=60,
        help_text=_("Name or ISO 639 code. Empty: all there are."),
    )  # fmt: skip
    new_model = forms.ChoiceField(label=_("Make them again by"), required=False)
    book = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    selection = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any]) -> None:
        given = {
            "kind": Kind.TRANSLATION.value if data.get("stale") or data.get("glossary") else Kind.OCR.value
        }
        super().__init__({**given, **{name: data.get(name) for name in self.base_fields if data.get(name)}})
        work = _work(str(self.data["kind"]))
        self._choices("prompt", [("", "–"), *((name, name) for name in _prompts())])
        self._choices("flag", [("", "–"), *((name, _flag_words(name)) for name in FLAGS)])
        self._choices("new_model", models_to_choose(work))

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean_target(self) -> str:
        try:
            return languages.normalise(self.cleaned_data["target"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_book(self) -> str:
        book_id = str(self.cleaned_data["book"])
        if book_id and not Book.objects.filter(pk=book_id).exists():
            raise forms.ValidationError(gettext("There is no such book."))
        return book_id

    @property
    def asks(self) -> bool:
        """Whether it says which texts; call when it is valid."""
        return any(self.cleaned_data[name] for name in CRITERIA)

    def made(self, chosen: dict[str, frozenset[str]]) -> Made:
        """The texts that are meant, among the chosen books or pages."""
        given = self.cleaned_data
        before = given["before"] and dt.datetime.combine(given["before"], dt.time.min, dt.UTC)
        return Made(
            kind=given["kind"], prompt=given["prompt"], model=given["model"], before=before, flag=given["flag"],
            book_id=given["book"], target_language=given["target"], glossary=given["glossary"], stale=given["stale"],
            **chosen,
        )  # fmt: skip

    def orders(self, chosen: dict[str, frozenset[str]]) -> Iterator["lifecycle.NewJob"]:
        """An order for each book, and for each language that it is translated into."""
        work = _work(self.cleaned_data["kind"])
        for book_id, language, page_ids in pages_made(self.made(chosen)):
            yield lifecycle.NewJob(
                type=work.type, page_ids=page_ids, book_id=book_id, target_language=language,
                model=self.cleaned_data["new_model"], overwrite="machine",
            )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@staff("jobs.spend_money")
def redo_page(request: HttpRequest) -> HttpResponse:
    """Choose, look at pages and price, confirm."""
    form = RedoForm(request.POST if request.method == "POST" else request.GET)
    chosen = _chosen(request, form)
    if chosen is None or not form.is_valid() or not form.asks:
        return _page(request, form, None, [])
    wishes = list(form.orders(chosen))
    ahead = outlook.of_orders(wishes[:MOST_ORDERS], Choice(_work(form.cleaned_data["kind"]).type))
    if request.method == "POST" and len(wishes) <= MOST_ORDERS:
        if request.POST.get("priced") == _priced(ahead):
            return HttpResponseRedirect(_placed(request, wishes))
        changed = gettext(
            "The pages or their price have changed meanwhile: this is how it is now. Confirm it once more."
        )
        messages.warning(request, changed)
    return _page(request, form, ahead, wishes)


def _chosen(request: HttpRequest, form: RedoForm) -> dict[str, frozenset[str]] | None:
    """The rows that were ticked; None, with a word to the person, when they are forgotten."""
    token = str(form.data.get("selection") or "")
    found = redo.remembered(request, token) if token else {}
    if found is None:
        messages.error(request, gettext("What was ticked is not known any more: tick the rows again."))
    return found


def _priced(ahead: Outlook) -> str:
    """What the person saw: pages, and the price in a batch."""
    return f"{ahead.pages}|{ahead.batch_usd}|{ahead.model}"


def _placed(request: HttpRequest, wishes: list["lifecycle.NewJob"]) -> str:
    """Place the orders unless this very page was sent before; the address to go on to."""
    if not orders.first_time(request, request.POST.get("token", "")):
        messages.info(request, gettext("This order was placed already; nothing was ordered twice."))
        return link("admin:jobs_job_changelist")
    return orders.told(request, orders.place(request, wishes))


def _page(
    request: HttpRequest, form: RedoForm, ahead: Outlook | None, wishes: list["lifecycle.NewJob"]
) -> HttpResponse:
    book = Book.objects.filter(pk=str(form.data.get("book") or "")).first()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Make again"),
        "subtitle": book.title if book else "",
        "form": form,
        "book": book,
        "outlook": ahead,
        "priced": _priced(ahead) if ahead else "",
        "too_many": len(wishes) > MOST_ORDERS,
        "most": MOST_ORDERS,
        "by_people": _by_people(form) if ahead is not None and form.cleaned_data["stale"] else 0,
        "token": orders.new_token(),
        "expect": time_to_expect(),
        "opts": Job._meta,
    }
    return TemplateResponse(request, "admin/jobs/redo.html", context)


def _by_people(form: RedoForm) -> int:
    """Stale translations that a person wrote, which no machine makes again."""
    rows = PageText.objects.current().filter(source=Source.HUMAN, is_stale=True, page__hidden=False)
    if form.cleaned_data["book"]:
        rows = rows.filter(page__book=form.cleaned_data["book"])
    return rows.count()


def _work(kind: str) -> Operation:
    """The operation that makes texts of this kind."""
    found = next((work for work in operations().values() if work.kind == kind), None)
    return found or operation(next(iter(operations())))


def _prompts() -> list[str]:
    return [prompt.name for prompt in PromptVersion.objects.only("type", "version")]


def _flag_words(name: str) -> str:
    return gettext("for any reason") if name == "any" else str(REASONS.get(name, name.replace("_", " ")))
