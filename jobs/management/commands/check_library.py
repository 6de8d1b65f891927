"""`manage.py check_library`: what no database of ours should contain, and MongoDB does not forbid."""

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand
from django.db.models import Exists, ForeignKey, Model, OuterRef

from books.models import Page, PageText
from jobs.lifecycle import failures
from jobs.lifecycle.common import figures
from jobs.models import LIVE, OPEN_STATES, Job, JobPage, PageState, Status

SHOWN = 10  # examples of each finding


class Command(BaseCommand):
    """Reads only. Exits with 1 when it found something."""

    help = (
        "Look for rows that point at nothing, ledgers that do not balance and stored images that are missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--files", action="store_true", help="also look whether every stored image is there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = [*dangling(), *unbalanced(), *ended_with_open_pages(), *wrong_openness()]
        found += [*wrong_staleness(), *wrong_pages()]
        if options["files"]:
            found += missing_files()
        for sentence in found:
            self.stdout.write(sentence)
        self.stdout.write(f"{len(found)} findings." if found else "Everything is in order.")
        if found:
            raise SystemExit(1)


def dangling() -> Iterator[str]:
    """Rows whose foreign key points at a row that is not there."""
    for label in ("books", "jobs"):
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, ForeignKey):
                    yield from _dangling(model, field)


def _dangling(model: type[Model], field: "ForeignKey[Any, Any]") -> Iterator[str]:
    target = field.related_model._default_manager.filter(pk=OuterRef(field.attname))
    rows = model._default_manager.filter(**{f"{field.name}__isnull": False}).filter(~Exists(target))
    ids = list(rows.order_by().values_list("pk", flat=True)[:SHOWN])
    if ids:
        yield f"{model._meta.verbose_name}: {field.name} points at nothing in {', '.join(ids)}"


def unbalanced() -> Iterator[str]:
    """Jobs whose kept progress is not what their ledger says."""
    for job in Job.objects.only("id", "progress").iterator():
        true = figures(job.pk).as_progress()
        if job.progress != true:
            yield f"job {job.pk}: its progress says {job.progress}, its ledger {true}"


def ended_with_open_pages() -> Iterator[str]:
    """Ended jobs with pages nobody will work on, live ones without any open page."""
    opened = JobPage.objects.filter(job=OuterRef("pk"), is_open=True)
    ended = Job.objects.filter(status__in=[Status.COMPLETED, Status.FAILED]).filter(Exists(opened))
    for pk in ended.values_list("pk", flat=True)[:SHOWN]:
        yield f"job {pk}: it has ended but has open pages; reset it"
    idle = Job.objects.filter(status__in=LIVE).filter(~Exists(opened))
    for pk in idle.values_list("pk", flat=True)[:SHOWN]:
        yield f"job {pk}: it is under way without an open page; give it a step (advance_jobs)"


def wrong_openness() -> Iterator[str]:
    """Ledger rows whose `is_open` does not fit their state: a check constraint on SQL, nothing on MongoDB."""
    wrong = [
        *JobPage.objects.filter(is_open=False, state__in=OPEN_STATES).values_list("pk", flat=True)[:SHOWN],
        *JobPage.objects.filter(is_open=True)
        .exclude(state__in=OPEN_STATES)
        .values_list("pk", flat=True)[:SHOWN],
    ]
    for pk in wrong:
        yield f"page of a job {pk}: whether it is open does not fit its state"


def wrong_staleness() -> Iterator[str]:
    """Translations that are kept as stale and are not, or the other way round."""
    for pk, is_stale in PageText.objects.misjudged().values_list("pk", "is_stale")[:SHOWN]:
        said = "stale, though it is not" if is_stale else "fitting, though it is stale"
        yield f"text {pk}: the translation is kept as {said}; recount mends that"


def wrong_pages() -> Iterator[str]:
    """Pages that are kept as flagged, edited or failed and are not, or the other way round."""
    for pk, true in islice(Page.objects.all().misjudged().items(), SHOWN):
        yield f"page {pk}: by its texts {true._asdict()}, which is not what is kept; recount mends that"
    kept = Page.objects.filter(failed=True).order_by().values_list("book_id", flat=True)
    rows = JobPage.objects.filter(state=PageState.FAILED).order_by().values_list("job__book_id", flat=True)
    for pk in sorted({*kept, *rows}):
        for page_id, must_be in failures.misjudged(pk).items():
            yield f"page {page_id}: by the ledgers of its jobs failed={must_be}; recount mends that"


def missing_files() -> Iterator[str]:
    """Pages whose stored image is not in the storage."""
    for page in Page.objects.exclude(image_file="").only("id", "image_file").iterator():
        if not default_storage.exists(page.image_file):
            yield f"page {page.pk}: its image {page.image_file} is missing from the storage"
