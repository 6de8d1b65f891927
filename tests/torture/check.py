"""What must be true of a database at every moment, and what must be true when all is done."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Sum

from books.models import Page, PageText
from jobs.lifecycle.common import figures
from jobs.models import (
    ENDED,
    OPEN_STATES,
    BatchPreparation,
    GeminiBatch,
    Job,
    JobPage,
    PaidCall,
    Spending,
    Stage,
)
from sourcebatch.lib.db import atomic


def check_now() -> None:
    """The ledger balances, texts are unique, money adds up. Raises AssertionError."""
    with atomic():
        _ledger()
        _texts()
        _money()


def _ledger() -> None:
    for job in Job.objects.all():
        found = figures(job.pk)
        assert job.progress == found.as_progress(), f"the job says {job.progress}, its ledger {found}"
        if job.status == "completed":
            assert found.open == 0
        if job.status in ENDED:
            assert not job.ledger.filter(is_open=True).exists(), "an ended job has open pages"
    for row in JobPage.objects.all():
        assert row.is_open is (row.state in OPEN_STATES)
    live = Counter(JobPage.objects.filter(is_open=True).values_list("page_id", "type"))
    assert not [page for page, times in live.items() if times > 1], "a page is in two live jobs"


def _texts() -> None:
    current = Counter(PageText.objects.current().values_list("page_id", "kind", "target_language"))
    assert not [page for page, times in current.items() if times > 1], "a page has two current texts"
    made = Counter(PageText.objects.exclude(job_id="").values_list("page_id", "kind", "job_id"))
    assert not [page for page, times in made.items() if times > 1], "a job wrote a page's text twice"


def _money() -> None:
    days = [period for period in Spending.objects.all() if len(period.pk) == len("2026-11-23")]
    months = [period for period in Spending.objects.all() if len(period.pk) == len("2026-11")]
    for periods in (days, months):
        assert sum(one.reserved for one in periods) == _reserved(), "money is set aside for nothing"
        assert sum(one.spent for one in periods) == _spent(), "what was spent is not what it cost"


def _total(rows: Any, name: str) -> int:
    return int(rows.aggregate(total=Sum(name))["total"] or 0)


def _reserved() -> int:
    return _total(GeminiBatch.objects.all(), "reserved_micro_usd") + _total(
        PaidCall.objects.filter(requests=0), "cost_micro_usd"
    )


def _spent() -> int:
    done = GeminiBatch.objects.filter(stage__in=[Stage.COLLECTED, Stage.CLOSED])
    realtime = PaidCall.objects.filter(requests__gt=0, batch_id="")
    return _total(done, "cost_micro_usd") + _total(realtime, "cost_micro_usd")


def check_end(texts: int | None) -> None:
    """Everything is accounted for and nothing is left lying about. Raises AssertionError."""
    check_now()
    assert not JobPage.objects.filter(is_open=True).exists(), "pages are still open"
    assert not Job.objects.live().exists(), "a job is still under way"
    current = PageText.objects.current()
    assert texts is None or current.count() == texts, f"{current.count()} texts instead of {texts}"
    assert PageText.objects.count() == current.count(), "a text was written twice"
    for text in current.filter(kind="ocr").select_related("page"):
        assert f"page {text.page.number} of " in text.data, f"page {text.page.number} has another page's text"
    _nothing_left()


def _nothing_left() -> None:
    assert set(GeminiBatch.objects.values_list("stage", flat=True)) <= {Stage.CLOSED}
    assert _reserved() == 0, "money is still set aside"
    assert BatchPreparation.objects.count() == 0, "preparations are left"
    assert Page.objects.count() > 0
    for folder in ("segments",):
        if default_storage.exists(folder):
            left = [name for job in default_storage.listdir(folder)[0] for name in _files(folder, job)]
            assert left == [], f"segments are left: {left}"
    results = settings.DATA_DIR / "results"
    assert not results.exists() or list(results.iterdir()) == [], "downloaded results are left"


def _files(folder: str, name: str) -> list[str]:
    return default_storage.listdir(f"{folder}/{name}")[1]
