"""Everything that people, scripts and schedules look at in a large library, and what each look costs the database.

Used by the tests of query plans and by `python -m tests.scale.measure`.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin
from django.db import connections
from django.test import Client
from django.urls import reverse

from books.models import Page, PageText, SearchText
from jobs import tasks
from jobs.lifecycle import sweep
from jobs.lifecycle.common import Actor
from jobs.models import Job, JobPage
from sourcebatch import alarms
from sourcebatch.health import snapshot
from sourcebatch.lib.db import library_alias

BIG = ("pages", "page_texts", "page_search", "job_pages")
"""Tables that grow with the pages: no look may read one of them whole."""
RARE, COMMON, TITLE = "7/3", "ad", "metallica"
"""Words to search for: on one page, on a fifth of all texts, in a tenth of the titles."""

FAR = 20
"""A page of a list that somebody may turn to."""


@dataclass(frozen=True)
class Look:
    """One thing that is looked at."""

    name: str
    do: Callable[[], Any]


def looks(client: Client) -> Iterator[Look]:
    """All of them, for a client who is a superuser. The library has at least one book with a job."""
    for name, address in (*_lists(client), *_rooms(), *_api()):
        yield Look(name, partial(_opened, client, address))
    yield from (Look(f"schedule: {name}", do) for name, do in _schedules())


def _opened(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.streaming:
        for _piece in answer:
            pass
    assert answer.status_code in (200, 503), (address, answer.status_code)


def _lists(client: Client) -> Iterator[tuple[str, str]]:
    """The admin's lists of the library: plain, by each answer of each filter, far behind, searched for, sorted."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label not in ("books", "jobs"):
            continue
        name = f"{model._meta.model_name} list"
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        yield name, address
        changelist = client.get(address).context["cl"]
        if changelist.paginator.num_pages >= FAR:
            yield f"{name}, page {FAR}", f"{address}?p={FAR}"
        for spec in changelist.filter_specs:
            for choice in spec.choices(changelist):
                if choice.get("query_string", "?") != "?":
                    yield f"{name} {choice['query_string']}", f"{address}{choice['query_string']}"
        if model_admin.search_fields:
            yield from ((f"{name}, search {word!r}", f"{address}?q={word}") for word in (RARE, COMMON, TITLE))


def _rooms() -> Iterator[tuple[str, str]]:
    job = Job.objects.filter(status="completed").order_by("pk").first()
    assert job is not None
    page = Page.objects.filter(book=job.book_id).order_by("number").first()
    assert page is not None
    yield "dashboard", reverse("admin:index")
    yield "book", reverse("admin:books_book_change", args=[job.book_id])
    yield "job", reverse("admin:jobs_job_change", args=[job.pk])
    yield "reading room", reverse("reading-room", args=[page.pk])
    yield "review queue", reverse("review-queue")
    yield "review samples", reverse("review-samples")
    yield "public library", reverse("library")
    yield "statistics of a book", reverse("book-statistics", args=[job.book_id])
    for word in (RARE, COMMON, f"{COMMON} {RARE}", "nusquamlegitur", "met*"):
        yield f"search {word!r}", f"{reverse('search')}?q={word}"
    yield "search in one book", f"{reverse('search')}?q={COMMON}&book={job.book_id}"
    yield "health", reverse("health")
    yield "metrics", reverse("metrics")


def _api() -> Iterator[tuple[str, str]]:
    job = Job.objects.filter(status="completed").order_by("pk").first()
    assert job is not None
    for query in ("", "?needs=ocr", "?needs=translation"):
        yield f"api books {query}", f"/api/books{query}"
    yield "api book", f"/api/books/{job.book_id}"
    for query in ("?limit=100", "?status=processing", "?status=failed&limit=100", f"?book_id={job.book_id}"):
        yield f"api jobs {query}", f"/api/jobs{query}"
    yield "api job", f"/api/jobs/{job.pk}"
    yield "api ledger", f"/api/jobs/{job.pk}/pages"


def _schedules() -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "jobs that are due", lambda: list(Job.objects.due().values_list("pk", flat=True)[:200])
    yield "collect", tasks.collect
    yield "jobs for automatic books", tasks.create_automatic_jobs
    yield "sweep", lambda: sweep(Actor("schedule", "schedule"))
    yield "health", snapshot
    yield "alarms", alarms.send_alarms


# --- What a query costs --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One query as it was sent."""

    sql: str
    params: Any


def asked(look: Callable[[], Any]) -> list[Asked]:
    """The queries on the library's database that only read."""
    seen: list[Asked] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        plain = re.sub(r"^DECLARE \S+ .*?CURSOR .*?FOR ", "", sql)
        if plain.startswith("SELECT"):
            seen.append(Asked(plain, params))
        return execute(sql, params, many, context)

    with connections[library_alias()].execute_wrapper(note):
        look()
    return seen


def sizes() -> dict[str, int]:
    """Rows of the big tables."""
    models = (Page, PageText, SearchText, JobPage)
    return {model._meta.db_table: model._default_manager.count() for model in models}


def read_whole(query: Asked, rows: dict[str, int]) -> list[str]:
    """The big tables, of so many rows, that the query reads at least half of, each with how."""
    vendor = connections[library_alias()].vendor
    return list((_by_postgresql if vendor == "postgresql" else _by_sqlite)(query, rows))


def _by_postgresql(query: Asked, rows: dict[str, int]) -> Iterator[str]:
    """By the rows that each step of the plan really looked at.

    A small table is read whole because that is cheap: asked is whether there is a way without, as in a large one.
    """
    with connections[library_alias()].cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query.sql}", query.params)
        (answer,) = cursor.fetchone()
        cursor.execute("RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin")
    plans = [(json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]]
    while plans:
        plan = plans.pop()
        plans += plan.get("Plans", [])
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        seen += plan.get("Rows Removed by Index Recheck", 0)
        table = plan.get("Relation Name", "")
        if seen * plan["Actual Loops"] * 2 > rows.get(table, float("inf")):
            yield f"{plan['Node Type']} on {table}"


STEPS_A_ROW = 4
"""SQLite takes at least so many steps of its machine to look at one row."""


def _by_sqlite(query: Asked, rows: dict[str, int]) -> Iterator[str]:
    """Its plan, if the query takes as many steps as reading half of the smallest big table needs."""
    if _steps(query) * 2 > STEPS_A_ROW * min(rows.values()):
        yield plan(query)


def plan(query: Asked) -> str:
    """SQLite's plan for it."""
    with connections[library_alias()].cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", query.params)
        return "; ".join(line[3] for line in cursor.fetchall())


def _steps(query: Asked) -> int:
    """How many steps SQLite's machine takes for the query, in hundreds."""
    connection = connections[library_alias()]
    count = 0

    def tick() -> int:
        nonlocal count
        count += 100
        return 0

    with ExitStack() as stack, connection.cursor() as cursor:
        connection.connection.set_progress_handler(tick, 100)
        stack.callback(connection.connection.set_progress_handler, None, 100)
        cursor.execute(query.sql, query.params)
        cursor.fetchall()
    return count
