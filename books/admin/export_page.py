"""*Export*: the chosen books in a format, one as it is, several in one archive; streamed, whatever their size."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books import languages
from books.exports import ExportRefused, Options, export, exporter, exporters, file_name
from books.exports.zipping import Entry, zipped
from books.models import Book
from jobs.admin_actions import in_chunks
from sourcebatch.lib.adminlog import log


class ExportForm(forms.Form):
    """Which format, which texts."""

    format = forms.ChoiceField(label=_("Format"))
    text = forms.ChoiceField(
        label=_("Texts"),
        choices=[
            ("both", _("Transcription and translation")),
            ("transcription", _("Transcription alone")),
            ("translation", _("Translation alone")),
        ],
    )
    language = forms.CharField(
        label=_("Only translations into"), required=False, max_length=60,
        help_text=_("Name or ISO 639 code. Empty: all there are."),
    )  # fmt: skip
    layout = forms.ChoiceField(
        label=_("Translations stand"), required=False,
        choices=[("facing", _("beside the original")), ("interleaved", _("after the original, page by page"))],
        help_text=_("For EPUB and Markdown."),
    )  # fmt: skip
    reviewed = forms.BooleanField(label=_("Only what a person wrote, corrected or reviewed"), required=False)
    fetch = forms.BooleanField(
        label=_("Fetch page images that are not stored here"), required=False, initial=True,
        help_text=_("PDF and BagIt need them. They come from their library at its pace: a second or more for a page."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        formats = [(one.name, gettext(one.label)) for one in exporters().values()]
        self.fields["format"].choices = formats  # type: ignore[attr-defined]

    def clean_language(self) -> str:
        try:
            return languages.normalise(self.cleaned_data["language"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def export_books(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponseBase:
    """Django's action: ask for the format, then send the file."""
    form = ExportForm(request.POST if "format" in request.POST else None)
    refused = ""
    if form.is_bound and form.is_valid():
        try:
            return _send(request, queryset, form.cleaned_data)
        except ExportRefused as error:
            refused = error.sentence
    return _ask(model_admin, request, queryset, form, refused)


def _send(request: HttpRequest, queryset: Any, chosen: dict[str, Any]) -> HttpResponseBase:
    name = chosen["format"]
    options = Options(
        text=chosen["text"], language=chosen["language"], reviewed=chosen["reviewed"],
        layout=chosen["layout"] or "facing", fetch=chosen["fetch"],
        address=request.build_absolute_uri("/").rstrip("/"),
    )  # fmt: skip
    books = list(queryset.order_by("pk")[:2])
    if len(books) == 1:
        pieces, file, mime = export(books[0], name, options), file_name(books[0], name), exporter(name).mime
    else:
        pieces, file, mime = zipped(_entries(queryset, name, options)), f"books-{name}.zip", "application/zip"
    _note(request, queryset, name)
    return StreamingHttpResponse(
        pieces, content_type=mime, headers={"Content-Disposition": f'attachment; filename="{file}"'}
    )


def _note(request: HttpRequest, queryset: Any, name: str) -> None:
    ids = list(queryset.order_by().values_list("pk", flat=True))
    for chunk in in_chunks(ids, 500):
        log(request, Book.objects.filter(pk__in=chunk), CHANGE, f"Exported as {name}")


def _entries(queryset: Any, name: str, options: Options) -> Iterator[Entry]:
    """A file for each book; for one that cannot be exported, a file that says why."""
    seen: Counter[str] = Counter()
    for book in queryset.order_by("pk").iterator(chunk_size=100):
        file = file_name(book, name)
        seen[file] += 1
        path = file if seen[file] == 1 else f"{seen[file]}-{file}"
        try:
            yield Entry(path, export(book, name, options))
        except ExportRefused as error:
            yield Entry(f"{path}.refused.txt", [error.sentence.encode()])


def _ask(
    model_admin: Any, request: HttpRequest, queryset: Any, form: ExportForm, refused: str
) -> HttpResponse:
    selected = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
    across = request.POST.get("select_across", "0")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Export"),
        "form": form,
        "refused": refused,
        "books": queryset.order_by().count(),
        "first": queryset.first(),
        "opts": Book._meta,
        "selected": selected[:1] if across == "1" else selected,
        "select_across": across,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/books/book/export.html", context)
