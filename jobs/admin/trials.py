"""Trying a version of a prompt beside the one in use, on some pages: price first, then both results compared."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from books import languages, search
from books.diff import Piece, word_diff
from books.models import Book, Kind
from books.search_query import SearchQuery
from books.views.access import staff
from jobs.admin_actions.background import later
from jobs.admin_actions.form import models_for
from jobs.admin_actions.orders import new_token
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.prompts import put_in_use
from jobs.lifecycle.trials import MOST_PAGES, NewTrial, plan_trial, settle_lost_trials, start_trial
from jobs.models import PromptTrial, PromptVersion, TrialPage, TrialState
from jobs.operations import operation
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.db import atomic

SHOWN = 5


class TrialForm(forms.Form):
    """On which pages, by which model."""

    book = forms.CharField(label=_("Book"), max_length=200, help_text=_("Words of its title, or its id."))
    pages = forms.IntegerField(
        label=_("How many pages, spread over the book"),
        min_value=1,
        max_value=MOST_PAGES,
        initial=3,
        required=False,
    )
    numbers = forms.CharField(
        label=_("Or these pages"), required=False, max_length=200, help_text=_("Such as 3, 7-9.")
    )
    target_language = forms.CharField(
        label=_("Translate into"), required=False, max_length=60,
        help_text=_("Name or ISO 639 code. Empty: what the book says."),
    )  # fmt: skip
    model = forms.ChoiceField(label=_("Model"), required=False)

    def __init__(self, prompt: PromptVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prompt = prompt
        work = operation(prompt.type)
        self.fields["model"].choices = models_for(getattr(settings, work.realtime_model_setting))  # type: ignore[attr-defined]
        if work.kind != Kind.TRANSLATION:
            del self.fields["target_language"]

    def clean_book(self) -> Book:
        given = str(self.cleaned_data["book"]).strip()
        if book := Book.objects.filter(pk=given).first():
            return book
        found = list(search.by_name(SearchQuery(given))[: SHOWN + 1])
        if len(found) == 1:
            return Book.objects.get(pk=found[0])
        if not found:
            raise forms.ValidationError(gettext("No book is called that."))
        titles = Book.objects.filter(pk__in=found[:SHOWN]).values_list("title", flat=True)
        said = gettext("Several books are called that: %s. Write more of the title, or the id.")
        raise forms.ValidationError(said % "; ".join(title[:60] for title in titles))

    def clean_target_language(self) -> str:
        try:
            return languages.normalise(self.cleaned_data["target_language"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def trial(self) -> NewTrial:
        """What was asked for; call when the form is valid."""
        given = self.cleaned_data
        return NewTrial(
            self.prompt, given["book"], given["pages"] or 3, given["numbers"], given.get("target_language", ""),
            given["model"],
        )  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """What both prompts made of one page."""

    present: TrialPage
    tried: TrialPage

    @property
    def rows(self) -> tuple[TrialPage, TrialPage]:
        """The one in use first."""
        return (self.present, self.tried)

    @property
    def both(self) -> bool:
        """Whether there are two texts to compare."""
        return bool(self.present.text and self.tried.text)

    @cached_property
    def pieces(self) -> list[Piece]:
        """What differs, word by word."""
        return word_diff(self.present.text, self.tried.text)

    @property
    def same(self) -> bool:
        """Whether both made the very same text."""
        return self.both and self.present.text == self.tried.text


@dataclass(frozen=True)
class Side:
    """One of the two prompts over all pages; micro-dollars, None where a price is not known."""

    name: str
    done: int
    failed: int
    flagged: int
    letters: int
    cost: int | None


@require_http_methods(["GET", "HEAD", "POST"])
@staff("jobs.view_promptversion", "jobs.spend_money")
def ask(request: HttpRequest, object_id: str) -> HttpResponse:
    """Choose pages, look at the price, start. GET works out the price, POST starts what was shown."""
    prompt = get_object_or_404(PromptVersion, pk=object_id)
    given = request.POST if request.method == "POST" else request.GET
    form = TrialForm(
        prompt,
        given if "pages" in given or "numbers" in given else None,
        initial={"book": given.get("book", "")},
    )
    plan, refused = None, ""
    if form.is_bound and form.is_valid():
        try:
            plan = plan_trial(form.trial())
            if request.method == "POST" and _seen(request, plan):
                return HttpResponseRedirect(_started(request, form.trial()))
        except LifecycleError as error:
            refused = error.sentence
    context = {
        **admin.site.each_context(request), "title": gettext("Try %s") % prompt.name, "prompt": prompt, "form": form,
        "plan": plan, "refused": refused, "token": new_token(), "priced": _priced(plan) if plan else "",
        "trials": PromptTrial.objects.filter(prompt_version=prompt.name).select_related("book")[:20],
        "opts": PromptVersion._meta,
    }  # fmt: skip
    return TemplateResponse(request, "admin/jobs/trial_ask.html", context)


def _priced(plan: Any) -> str:
    """What the person saw: the pages and their price."""
    return f"{','.join(page.pk for page in plan.pages)}|{plan.model}|{plan.target_language}|{plan.usd}"


def _seen(request: HttpRequest, plan: Any) -> bool:
    """Whether the price that was confirmed is the price of this plan."""
    if request.POST.get("priced") == _priced(plan):
        return True
    messages.warning(
        request, gettext("The choices have changed: this is what it costs now. Confirm it once more.")
    )
    return False


def _started(request: HttpRequest, new: NewTrial) -> str:
    """Start it, once for each page shown; the address of the trial."""
    token = request.POST.get("token", "")[:40] or new_token()
    trial = start_trial(new, token, Actor(request.user.get_username(), "admin"))
    later("jobs.tasks.try_prompt", trial.pk)
    log(request, [new.prompt], CHANGE, f"Tried on {trial.pages.count() // 2} pages of {new.book.title[:80]}")
    return reverse("admin:jobs_promptversion_trial", args=[trial.pk])


@require_http_methods(["GET", "HEAD", "POST"])
@staff("jobs.view_promptversion")
def show(request: HttpRequest, trial_id: str) -> HttpResponse:
    """Both results, page by page; POST goes on with what was left, or puts the version in use."""
    trial = get_object_or_404(PromptTrial.objects.select_related("book"), pk=trial_id)
    if request.method == "POST":
        return _done(request, trial)
    settle_lost_trials()
    rows = list(trial.pages.select_related("page").order_by("page__number", "pk"))
    pairs = _pairs(trial, rows)
    type_, _sep, version = trial.prompt_version.rpartition("/")
    prompt = PromptVersion.objects.filter(type=type_, version=int(version)).first()
    context = {
        **admin.site.each_context(request), "title": gettext("Trial of %s") % trial.prompt_version,
        "subtitle": trial.book.title, "trial": trial, "pairs": pairs, "prompt": prompt,
        "sides": [_side(name, rows) for name in (trial.present_version, trial.prompt_version)],
        "waiting": sum(row.state == TrialState.WAITING for row in rows),
        "open": sum(row.state in (TrialState.WAITING, TrialState.RUNNING) for row in rows),
        "all": len(rows), "language": trial.target_language or trial.book.language, "opts": PromptVersion._meta,
    }  # fmt: skip
    return TemplateResponse(request, "admin/jobs/trial.html", context)


def _done(request: HttpRequest, trial: PromptTrial) -> HttpResponse:
    if request.POST.get("verb") == "use":
        _require(request, "jobs.change_promptversion")
        _use(request, trial)
    else:
        _require(request, "jobs.spend_money")
        later("jobs.tasks.try_prompt", trial.pk)
        messages.info(request, gettext("A worker goes on with it."))
    return HttpResponseRedirect(request.path)


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _use(request: HttpRequest, trial: PromptTrial) -> None:
    type_, _sep, version = trial.prompt_version.rpartition("/")
    prompt = get_object_or_404(PromptVersion, type=type_, version=int(version))
    with atomic():
        put_in_use(prompt)
    log(request, [prompt], CHANGE, "In use from now on")
    messages.success(request, gettext("%s is used for new jobs from now on.") % prompt.name)


def _pairs(trial: PromptTrial, rows: list[TrialPage]) -> list[Pair]:
    made = {(row.page_id, row.prompt_version): row for row in rows}
    pages = list(dict.fromkeys(row.page_id for row in rows))
    return [Pair(made[page, trial.present_version], made[page, trial.prompt_version]) for page in pages]


def _side(name: str, rows: list[TrialPage]) -> Side:
    own = [row for row in rows if row.prompt_version == name]
    called = [row for row in own if row.model]
    known = all(row.cost_micro_usd is not None for row in called)
    return Side(
        name, sum(row.state == TrialState.DONE for row in own), sum(row.state == TrialState.FAILED for row in own),
        sum(bool(row.flags) for row in own), sum(len(row.text) for row in own),
        sum(row.cost_micro_usd or 0 for row in called) if known else None,
    )  # fmt: skip
