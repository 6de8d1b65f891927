"""The admin's first page: what goes on, what it costs, what needs a person, and whether everything is alive."""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, gettext_lazy, ngettext

from books.models import Book, Kind, Page, PageText, Source
from jobs.admin_actions import redo
from jobs.lifecycle.cap import Taken, taken, token_limit
from jobs.models import LIVE, GeminiBatch, Heartbeat, Job, Spending, Stage, Status
from sourcebatch.lib.ids import first_id
from sourcebatch.lib.show import MICRO, ago, duration, link, money, percent, usd, whole

DAYS = 14
WORKER_SILENT = dt.timedelta(minutes=5)
TODAY_KEPT = 60
"""Seconds for which today's count of texts is kept."""
NEARLY = 0.9
"""The share of a limit from which on it is shown as reached: a whole batch hardly fits into the rest."""
GB = 1_000_000_000
SLOW_COUNTS_KEPT = 600
"""Seconds for which a count that must look at every page is kept."""


@dataclass(frozen=True)
class Fact:
    """One figure with what it means and where to go. Tone: good, warn, bad or plain."""

    label: str
    value: str
    url: str = ""
    tone: str = "plain"
    hint: str = ""
    remedy: str = ""
    remedy_url: str = ""
    """What can be done about it in one click, and where that is confirmed."""


@dataclass(frozen=True)
class Chart:
    """Bars by day: `rows` holds the day, each value as text, and heights in percent of the highest bar."""

    title: str
    series: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    total: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback for the admin's index: only what this person may see."""
    if request.user.has_perm("jobs.view_job") and request.user.has_perm("books.view_book"):
        context |= {
            "is_empty": not Book.objects.exists(),
            "import_url": link("admin:books_book_import") or link("admin:books_book_changelist"),
            "working": _working(),
            "charts": [_pages_by_day(), _money_by_day()],
            "limits": _limits(),
            "states": _books_by_state(),
            "attention": _attention(request),
            "health": _health(),
        }
    return context


def on_every_page(request: HttpRequest) -> dict[str, Any]:
    """Unfold's callback for every admin page: the sentence of the banner, if there is something to say."""
    if not request.user.is_authenticated or not request.user.has_perm("jobs.view_job"):
        return {}
    return {"worker_alarm": worker_alarm()}


def worker_alarm() -> str:
    """What to tell people when work waits and the worker has been silent; "" when all is well."""
    beat = Heartbeat.objects.filter(pk="worker").first()
    since = timezone.now() - WORKER_SILENT
    if beat is not None and beat.at > since:
        return ""
    if not Job.objects.due(since if beat is None else timezone.now()).exists():
        return ""
    last = (
        gettext("It has never been seen.") if beat is None else gettext("Last seen: %s ago.") % ago(beat.at)
    )
    return gettext("The worker is silent while jobs wait.") + " " + last + " " + gettext(
        "Start it with: python manage.py worker"
    )  # fmt: skip


def _today() -> dt.date:
    return timezone.now().date()


def _days() -> list[dt.date]:
    return [_today() - dt.timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def _working() -> dict[str, Any]:
    """The live jobs, those that run first, at most eight of them."""
    live = Job.objects.filter(status__in=LIVE)
    shown = live.defer("error").order_by("-priority", "-updated_at")[:8]
    return {"jobs": list(shown), "count": live.count()}


def _chart(title: str, series: list[str], values: dict[dt.date, list[float]], spell: Any) -> Chart:
    """A chart of one or two values a day; the heights of one day's bars stand on each other."""
    days = _days()
    most = max((sum(values.get(day, [])) for day in days), default=0) or 1
    rows = [
        {
            "day": day,
            "label": date_format(day, gettext("j M")),
            "values": [spell(value) for value in values.get(day, [0] * len(series))],
            "bars": _stack(values.get(day, []), most),
        }
        for day in days
    ]
    return Chart(title, series, rows, spell(sum(sum(values.get(day, [])) for day in days)))


def _stack(values: list[float], most: float) -> list[dict[str, float]]:
    """Where each bar of one day begins and how high it is, in percent from the top."""
    bars, top = [], 100.0
    for value in values:
        height = 100 * value / most
        top -= height
        bars.append({"y": round(top, 2), "height": round(height, 2)})
    return bars


def _pages_by_day() -> Chart:
    """Texts that the machine wrote. Days that are over do not change, so only today is counted again."""
    days = _days()
    values: dict[str, list[float]] = cache.get_many([_day_key(day) for day in days])
    if missing := [day for day in days if _day_key(day) not in values]:
        counted = _texts_on(missing)
        values |= {_day_key(day): counted[day] for day in missing}
        cache.set(_day_key(days[-1]), values[_day_key(days[-1])], TODAY_KEPT)
        cache.set_many({_day_key(day): counted[day] for day in missing if day != days[-1]}, DAYS * 86_400)
    series = [gettext("Transcribed"), gettext("Translated")]
    return _chart(
        gettext("Pages done, last 14 days"), series, {day: values[_day_key(day)] for day in days}, whole
    )


def _day_key(day: dt.date) -> str:
    return f"texts-on-{day}"


def _texts_on(days: list[dt.date]) -> dict[dt.date, list[float]]:
    """Transcriptions and translations of each day: a day is a range of primary keys, and a query of its own."""
    return {day: _texts_of_day(dt.datetime.combine(day, dt.time(), dt.UTC)) for day in days}


def _texts_of_day(start: dt.datetime) -> list[float]:
    ids = {"pk__gte": first_id(start), "pk__lt": first_id(start + dt.timedelta(days=1))}
    rows = PageText.objects.filter(**ids, source=Source.MACHINE).order_by().values_list("kind")
    counts = dict(rows.annotate(Count("pk")))
    return [counts.get(kind, 0) for kind in (Kind.OCR, Kind.TRANSLATION)]


def _money_by_day() -> Chart:
    days = {day.isoformat(): day for day in _days()}
    spent = Spending.objects.filter(pk__in=list(days)).values_list("period", "spent")
    values = {days[period]: [micro / MICRO] for period, micro in spent}
    return _chart(gettext("Money spent, last 14 days"), [gettext("US dollars")], values, usd)


def _limits() -> list[dict[str, Any]]:
    """Today and this month against their limits."""
    today = _today()
    periods = [
        (gettext("Today"), today.isoformat(), settings.SPEND_LIMIT_DAY_USD),
        (gettext("This month"), today.strftime("%Y-%m"), settings.SPEND_LIMIT_MONTH_USD),
    ]
    rows = {row.period: row for row in Spending.objects.filter(pk__in=[period for _, period, _ in periods])}
    return [_limit(label, rows.get(period), limit) for label, period, limit in periods]


def _limit(label: str, row: Spending | None, limit: float | None) -> dict[str, Any]:
    spent, reserved = (row.spent, row.reserved) if row else (0, 0)
    whole = round((limit or 0) * MICRO)
    return {
        "label": label,
        "spent": money(spent),
        "reserved": money(reserved) if reserved else "",
        "limit": gettext("no limit set") if limit is None else usd(limit),
        "percent": percent(spent, whole),
        "reserved_percent": min(percent(reserved, whole), 100 - percent(spent, whole)),
    }


def _books_by_state() -> list[Fact]:
    """How many books need what; each figure opens its list."""
    counts = Book.objects.aggregate(
        all=Count("pk", filter=Q(hidden=False)),
        ocr=Count("pk", filter=Q(hidden=False, pages_count__gt=F("pages_ocr") + F("pages_blank"))),
        translation=Count("pk", filter=Q(hidden=False, pages_ocr__gt=F("pages_translated"))),
        automatic=Count("pk", filter=Q(hidden=False, automatic=True)),
    )
    books = reverse("admin:books_book_changelist")
    return [
        Fact(gettext("Books"), whole(counts["all"]), books),
        Fact(gettext("Need transcription"), whole(counts["ocr"]), f"{books}?needs_ocr=yes"),
        Fact(gettext("Need translation"), whole(counts["translation"]), f"{books}?needs_translation=yes"),
        Fact(gettext("Automatic"), whole(counts["automatic"]), f"{books}?automatic=yes"),
    ]


def _attention(request: HttpRequest) -> list[Fact]:
    """What a person has to look at, with links; what is zero is left out."""
    jobs, pages = reverse("admin:jobs_job_changelist"), reverse("admin:books_page_changelist")
    review = link("review-queue") or f"{pages}?flagged=yes"
    found = [
        (gettext_lazy("Jobs with failed pages"), _failing_jobs(), f"{jobs}?failed_pages=yes"),
        (gettext_lazy("Jobs that failed"), _failed_jobs(), f"{jobs}?status__exact=failed"),
        (gettext_lazy("Flagged texts to review"), _flagged_texts(), review),
        (gettext_lazy("Stale translations"), stale_pages(), f"{pages}?stale=yes"),
    ]
    facts = [Fact(str(label), whole(count), url, "warn") for label, count, url in found if count]
    if not request.user.has_perm("jobs.spend_money"):
        return facts
    again = {"remedy": str(redo.LABEL), "remedy_url": redo.address(stale="on")}
    return [replace(fact, **again) if fact.url.endswith("?stale=yes") else fact for fact in facts]


def _flagged_texts() -> int:
    """Of visible pages, as the books count them: looking at each would take long where there are very many."""
    flagged: int | None = Book.objects.visible().aggregate(n=Sum("pages_flagged"))["n"]
    return flagged or 0


def _failing_jobs() -> int:
    return Job.objects.exclude(status=Status.FAILED).filter(progress__failed__gt=0).count()


def _failed_jobs() -> int:
    return Job.objects.filter(status=Status.FAILED).count()


def stale_pages() -> int:
    """Pages whose translation is older than their transcription; there may be very many, so it is kept a while."""
    count: int | None = cache.get("stale-pages")
    if count is None:
        count = Page.objects.visible().stale().count()
        cache.set("stale-pages", count, SLOW_COUNTS_KEPT)
    return count


def _health() -> list[Fact]:
    """Worker, polls, batches: each with its tone."""
    beats = {beat.name: beat.at for beat in Heartbeat.objects.filter(pk__in=["worker", "poll"])}
    now_taken = taken()
    return [
        _worker_fact(beats.get("worker")), _poll_fact(beats.get("poll")), _collect_fact(),
        _open_fact(len(now_taken.open)), *_token_facts(now_taken), *_file_facts(now_taken),
    ]  # fmt: skip


def _worker_fact(at: dt.datetime | None) -> Fact:
    label = gettext("Worker")
    if at is None:
        return Fact(
            label, gettext("never seen"), tone="warn", hint=gettext("python manage.py worker starts it.")
        )
    if timezone.now() - at > WORKER_SILENT:
        return Fact(label, gettext("silent for %s") % ago(at), tone="bad")
    return Fact(label, gettext("alive"), tone="good", hint=gettext("seen %s ago") % ago(at))


def _poll_fact(at: dt.datetime | None) -> Fact:
    label = gettext("Last successful poll")
    waiting = GeminiBatch.objects.filter(stage=Stage.OPEN, released_at__isnull=True)
    late = timezone.now() - dt.timedelta(seconds=settings.POLL_LAST_SECONDS * 2 + 600)
    silent = (at is None or at < late) and waiting.filter(submitted_at__lt=late).exists()
    text = gettext("never") if at is None else gettext("%s ago") % ago(at)
    return Fact(label, text, tone="bad" if silent else "good" if at else "plain")


def _collect_fact() -> Fact:
    """The batch that ended first and is not collected; past half of the time that Gemini keeps it, an alarm."""
    label = gettext("Oldest uncollected batch")
    batch = GeminiBatch.objects.filter(stage=Stage.ENDED).order_by("ended_at").first()
    if batch is None or batch.ended_at is None:
        return Fact(label, gettext("none"), tone="good")
    waited = timezone.now() - batch.ended_at
    alarm = waited > dt.timedelta(hours=settings.RESULTS_KEPT_HOURS / 2)
    return Fact(
        label, duration(waited), reverse("admin:jobs_job_change", args=[batch.job_id]), "bad" if alarm else "plain",
        gettext("Collect before %s") % date_format(batch.collect_before, "DATETIME_FORMAT")
        if batch.collect_before else "",
    )  # fmt: skip


def _open_fact(count: int) -> Fact:
    most = settings.MAX_OPEN_BATCHES
    text = gettext("%(count)s of %(most)s") % {"count": count, "most": most}
    hint = ngettext("%s more may be sent", "%s more may be sent", most - count) % max(0, most - count)
    url = reverse("admin:jobs_geminibatch_changelist") + "?stage__exact=open"
    return Fact(gettext("Open batches"), text, url, "warn" if count >= most else "good", hint)


def _token_facts(now_taken: Taken) -> list[Fact]:
    """Of each model that is at work: its enqueued tokens against the limit, where one is known."""
    facts = []
    for model, count in sorted(now_taken.tokens.items()):
        if count and (most := token_limit(model)):
            text = gettext("%(count)s of %(most)s") % {"count": whole(count), "most": whole(most)}
            # Who is refused has no room for a whole batch: near the limit, not at it.
            tone = "warn" if count >= NEARLY * most else "good"
            facts.append(Fact(gettext("Enqueued tokens"), text, tone=tone, hint=model))
    return facts


def _file_facts(now_taken: Taken) -> list[Fact]:
    """The space that batch files and results take at Gemini, while they take some."""
    most = settings.MAX_GEMINI_FILE_BYTES
    if not (most and now_taken.bytes):
        return []
    text = gettext("%(count)s of %(most)s GB") % {
        "count": number_format(now_taken.bytes / GB, 1), "most": number_format(most / GB, 1),
    }  # fmt: skip
    return [
        Fact(gettext("Files at Gemini"), text, tone="warn" if now_taken.bytes >= NEARLY * most else "good")
    ]
