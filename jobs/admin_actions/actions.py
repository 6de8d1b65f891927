"""The actions on lists of books and pages: a confirmation page first, then jobs, then a message that links to them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books.models import Book, Kind, Page
from jobs import lifecycle
from jobs.admin_actions import orders, outlook, redo
from jobs.admin_actions.form import OrderForm
from jobs.admin_actions.outlook import Choice, Outlook
from jobs.lifecycle.create import time_to_expect
from jobs.operations import operations
from jobs.operations.base import Operation
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.db import in_chunks

MOST_PAGES = 20_000
"""Pages that may be ordered by ticking pages; for more, whole books are ordered."""
AUTOMATIC = "order_ocr_then_translate"
NOW_AUTOMATIC = _("Automatic: the schedule creates the jobs they need")

Action = Callable[[Any, HttpRequest, Any], HttpResponse | None]


@dataclass(frozen=True)
class Recipe:
    """One action: its name in Django, its words, the operation it starts with, and whether the books go on alone."""

    name: str
    label: Any
    type: str
    then_automatic: bool = False


def recipes(*, books: bool) -> list[Recipe]:
    """One for each operation there is; for books also *OCR, then translate*."""
    found = [Recipe(f"order_{work.type}", _label(work), work.type) for work in operations().values()]
    first = next((work for work in operations().values() if work.kind == Kind.OCR), None)
    if books and first is not None and any(work.kind == Kind.TRANSLATION for work in operations().values()):
        found.append(Recipe(AUTOMATIC, _("OCR, then translate"), first.type, then_automatic=True))
    return found


def _label(work: Operation) -> str:
    known = {Kind.OCR: _("Create OCR job"), Kind.TRANSLATION: _("Create translation job")}
    return str(known.get(Kind(work.kind)) or gettext("Create job: %s") % work.label)


def order_actions(request: HttpRequest, *, books: bool) -> dict[str, tuple[Action, str, Any]]:
    """Django's actions for those who may spend money, by name."""
    if not request.user.has_perm("jobs.spend_money"):
        return {}
    found: dict[str, tuple[Action, str, Any]] = {
        recipe.name: (_action(recipe), recipe.name, recipe.label) for recipe in recipes(books=books)
    }
    return found | {redo.NAME: (redo.stale_action, redo.NAME, redo.LABEL)}


def _action(recipe: Recipe) -> Action:
    def action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return order(model_admin, request, queryset, recipe)

    return action


def order(model_admin: Any, request: HttpRequest, queryset: Any, recipe: Recipe) -> HttpResponse | None:
    """Show what the order would do, or place it when it was confirmed."""
    if not request.user.has_perm("jobs.spend_money"):
        raise PermissionDenied
    if queryset.model is Page and queryset.order_by()[: MOST_PAGES + 1].count() > MOST_PAGES:
        said = gettext("These are more than %s pages: order their books in the list of books instead.")
        messages.error(request, said % f"{MOST_PAGES:,}")
        return None
    form = OrderForm(recipe.type, request.POST if "token" in request.POST else None)
    if "confirmed" in request.POST and form.is_valid():
        if _seen(request, form.choice()):
            return HttpResponseRedirect(_place(request, queryset, recipe, form.choice()))
        changed = gettext("The choices have changed: this is what it costs now. Confirm it once more.")
        messages.warning(request, changed)
    return _confirmation(model_admin, request, queryset, recipe, form)


def _seen(request: HttpRequest, choice: Choice) -> bool:
    """Whether the price on the page that was confirmed is the price of these choices."""
    return request.POST.get("priced", _priced(choice)) == _priced(choice)


def _priced(choice: Choice) -> str:
    """The choices that a page's price was worked out for, as a form carries them."""
    return "|".join((choice.type, choice.model, choice.language, choice.target_language, choice.overwrite))


def _place(request: HttpRequest, queryset: Any, recipe: Recipe, choice: Choice) -> str:
    """Place the order and say so; the address to go on to."""
    if not orders.first_time(request, request.POST.get("token", "")):
        messages.info(request, gettext("This order was placed already; nothing was ordered twice."))
        return request.get_full_path()
    if recipe.then_automatic:
        _make_automatic(request, queryset)
    if queryset.model is Page:
        return orders.told(request, orders.place(request, _orders_of_pages(queryset, choice)))
    ids = list(queryset.order_by("pk").values_list("pk", flat=True))
    if len(ids) > outlook.ONE_BY_ONE:
        orders.place_later(request, ids, choice)
        return orders.told_later(request, len(ids))
    return orders.told(request, orders.place(request, [choice.order(pk) for pk in ids]))


def _make_automatic(request: HttpRequest, queryset: Any) -> None:
    """By id: an update of a filtered list may need a join, which not every database can."""
    ids = list(queryset.order_by().values_list("pk", flat=True))
    for some in in_chunks(ids):
        books = Book.objects.filter(pk__in=some, automatic=False)
        changed = list(books)
        books.update(automatic=True)
        log(request, changed, CHANGE, NOW_AUTOMATIC)


def _orders_of_pages(queryset: Any, choice: Choice) -> list["lifecycle.NewJob"]:
    """One order for each book that the chosen pages belong to."""
    by_book: dict[str, list[str]] = defaultdict(list)
    for pk, book_id in queryset.order_by("book_id", "number").values_list("pk", "book_id"):
        by_book[book_id].append(pk)
    return [choice.order(book_id, pages) for book_id, pages in by_book.items()]


def _look_ahead(queryset: Any, choice: Choice) -> Outlook:
    if queryset.model is Page:
        return outlook.of_orders(_orders_of_pages(queryset, choice), choice)
    return outlook.of_books(queryset, choice)


def _confirmation(
    model_admin: Any, request: HttpRequest, queryset: Any, recipe: Recipe, form: OrderForm
) -> HttpResponse:
    usable = not form.is_bound or form.is_valid()
    choice = form.choice() if usable else Choice(recipe.type)
    ahead = _look_ahead(queryset, choice)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": recipe.label,
        "recipe": recipe,
        "form": form,
        "outlook": ahead,
        "expect": time_to_expect(),
        "translating": _translating(ahead) if recipe.then_automatic else None,
        "token": orders.new_token(),
        "priced": _priced(choice),
        "opts": model_admin.model._meta,
        "selected": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)[:1]
        if request.POST.get("select_across") == "1" else request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "back": request.get_full_path(),
    }  # fmt: skip
    return TemplateResponse(request, "admin/jobs/confirm_order.html", context)


def _translating(ahead: Outlook) -> Any:
    """What translating the same pages would cost afterwards, at today's prices."""
    return outlook.price_of_translating(ahead.pages, "", "")
