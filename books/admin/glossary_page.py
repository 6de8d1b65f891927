"""A book's glossary: all terms for one language in a box to type or paste into, or from a file."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from books import glossary, languages
from books.glossary import GlossaryError, Term
from books.models import Book
from books.views.access import staff
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.sentences import shown

MOST_BYTES = 2_000_000


class GlossaryForm(forms.Form):
    """The terms as lines of text; a file stands for all of them."""

    terms = forms.CharField(
        label=_("Terms"), required=False, max_length=MOST_BYTES, widget=forms.Textarea(attrs={"rows": 18}),
        help_text=_(
            "A line each: term = rendering, and a remark after another = if need be. A * at a term's end stands for "
            "any ending, | between renderings for “or”. Tables with tabs, semicolons or commas can be pasted."
        ),
    )  # fmt: skip
    file = forms.FileField(
        label=_("Or a CSV file"), required=False, help_text=_("Its terms stand in place of all in the box.")
    )

    def clean_file(self) -> str:
        """The file's text; empty without a file."""
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > MOST_BYTES:
            raise forms.ValidationError(gettext("The file is too large for a glossary."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError(
                gettext("The file is not in UTF-8: save it as “CSV UTF-8” and try again.")
            ) from None

    def given(self) -> list[Term]:
        """The terms; call when the form is valid. Raises GlossaryError."""
        return list(glossary.parse(self.cleaned_data["file"] or self.cleaned_data["terms"]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff("books.view_book")
def edit(request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the terms for `?to=de`, or keep those that were sent."""
    book = get_object_or_404(Book, pk=object_id)
    target = _target(request, book)
    may_change = request.user.has_perm("books.change_book")
    if request.method != "POST" or not may_change:
        lines = "\n".join(one.line for one in glossary.terms_of(book.pk, target))
        return _page(
            request,
            book,
            target,
            GlossaryForm(initial={"terms": lines}),
            403 if request.method == "POST" else 200,
        )
    form = GlossaryForm(request.POST, request.FILES)
    if form.is_valid() and _kept(request, book, target, form):
        return HttpResponseRedirect(f"{request.path}?{urlencode({'to': target})}")
    return _page(request, book, target, form)


def _target(request: HttpRequest, book: Book) -> str:
    """The language asked for, by name or code; the book's where there is none such."""
    try:
        return languages.normalise(request.GET.get("to", "")) or book.target_language
    except ValueError as error:
        messages.error(request, str(error))
        return book.target_language


def _kept(request: HttpRequest, book: Book, target: str, form: GlossaryForm) -> bool:
    try:
        kept = glossary.replace(book, target, form.given(), by=request.user.get_username())
    except GlossaryError as error:
        form.add_error("file" if form.cleaned_data["file"] else "terms", shown(str(error)))
        return False
    log(request, [book], CHANGE, f"Glossary for {target}: {len(kept)} terms")
    said = ngettext("%s term is kept.", "%s terms are kept.", len(kept)) % len(kept)
    messages.success(request, said)
    return True


def _page(
    request: HttpRequest, book: Book, target: str, form: GlossaryForm, status: int = 200
) -> HttpResponse:
    old = len(glossary.outdated(book.pk, target))
    again = {"kind": "translation", "book": book.pk, "target": target, "glossary": "on"}
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Glossary"),
        "subtitle": book.title,
        "book": book,
        "form": form,
        "target": target,
        "targets": sorted({target, book.target_language, *glossary.languages_of(book)}),
        "count": len(glossary.terms_of(book.pk, target)),
        "outdated": old,
        "again": f"{reverse('admin:jobs_job_redo')}?{urlencode(again)}" if old else "",
        "opts": Book._meta,
        "may_change": request.user.has_perm("books.change_book"),
    }
    return TemplateResponse(request, "admin/books/book/glossary.html", context, status=status)
