"""I02, I16, I17, I18 with real processes: workers that die, workers, a web server and scripts on one job at once."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.incidents.site import ROOT, Site
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

pytestmark = pytest.mark.xdist_group("processes")  # they share one site
PAGES = 8
CHUNK = 2


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, gemini_process: LocalGemini) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), gemini_process)
    yield made
    made.close()


# --- I02: ordered from everywhere at once ---


def test_i02_five_processes_order_the_same_pages_and_one_job_is_made(
    site: Site, gemini: LocalGemini, origin: Origin
) -> None:
    seen = site.ask("crowd", str(PAGES), origin.url, *["order"] * 5)
    assert sum(answer["created"] for answer in seen["answers"]) == 1
    assert site.ask("finish", seen["job"])["texts"] == PAGES
    assert gemini.sent()["total"] == PAGES


# --- I16: kill -9 of a whole process ---


def test_i16_a_worker_killed_in_the_middle_is_followed_by_one_that_finishes(
    site: Site, gemini: LocalGemini, origin: Origin
) -> None:
    """All moments of a job's life are tried by `make torture`; this is a whole process and its successor."""
    job = site.ask("ready", str(PAGES), origin.url)["job"]
    origin.delay = 0.3
    victim = site.program("advance", job, INLINE_MAX_PAGES="0")
    gemini.wait_for(lambda: sum(origin.requests.values()) > 3, 60)
    victim.kill()
    victim.communicate()
    origin.delay = 0.0
    assert sum(origin.requests.values()) < PAGES
    seen = site.ask("finish", job)
    assert (seen["status"], seen["texts"]) == ("completed", PAGES)
    assert sum(origin.requests.values()) <= PAGES + CHUNK
    assert gemini.sent()["keys_twice"] == {}


@pytest.mark.django_db
def test_i16_what_was_committed_survives_a_power_cut_too() -> None:
    """A commit returns when it is on the disk: SQLite is told so, PostgreSQL does so unless it is told otherwise."""
    on_disk: dict[str, tuple[str, set[object]]] = {
        "sqlite": ("PRAGMA synchronous", {2, 3}),
        # The tests' own server is started without, for speed; the product's connections do not ask for it.
        "postgresql": (
            "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'",
            {"default", "configuration file", "command line"},
        ),
    }
    query, good = on_disk[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone()[0] in good


# --- I17: two workers, a script and clicks at once ---


def test_i17_everybody_at_once_on_one_job_and_one_works(
    site: Site, gemini: LocalGemini, origin: Origin
) -> None:
    origin.delay = 0.1
    seen = site.ask("crowd", str(PAGES), origin.url, "worker", "worker", "script", "click", "click")
    assert (seen["status"], seen["texts"]) == ("completed", PAGES)
    told = [answer for answer in seen["answers"] if answer]
    assert sum(answer["busy"] for answer in told) > 0
    assert {status for answer in told for status in answer.get("statuses", [])} == {200}
    assert set(origin.requests.values()) == {1}
    assert len(gemini.journal("create")) == 1
    assert gemini.sent()["keys_twice"] == {}


def test_i17_without_the_lease_the_same_crowd_does_work_twice(
    site: Site, gemini: LocalGemini, origin: Origin
) -> None:
    """The negative control: what the test above relies on is the lease and nothing else."""
    origin.delay = 0.1
    site.ask("crowd", str(PAGES), origin.url, *["thief"] * 4)
    assert max(origin.requests.values()) > 1
    # What a thief wrote after the job had ended is for the sweep; the other tests here look for leftovers.
    shutil.rmtree(site.folder / "files" / "segments")


# --- I18: one job system ---


def test_i18_only_the_lifecycle_changes_the_state_of_a_job() -> None:
    """No other module of the product writes a job's state, its ledger or its batches."""
    guilty = []
    for path in sorted(ROOT.glob("*/**/*.py")):
        part = path.relative_to(ROOT)
        if part.parts[0] not in ("books", "jobs", "sourcebatch") or part.parts[:2] == ("jobs", "lifecycle"):
            continue
        if "migrations" in part.parts or str(part) in ALLOWED:
            continue
        guilty += [f"{part}:{line}" for line in written(path)]
    assert guilty == []


# The lease's compare-and-set is the lifecycle's own; a restored database has no workers whose leases could be alive;
# jobs that come over from MongoDB have ended there, made-up ones were never anywhere.
ALLOWED = {
    "jobs/models/work.py",
    "sourcebatch/backup/restoring.py",
    "jobs/mongodb/bring.py",
    "jobs/demo/library.py",
}
STATES = {"status", "batch_phase", "is_open", "stage", "released_at", "lease_owner", "lease_until"}
MODELS = {"Job", "JobPage", "GeminiBatch", "BatchPreparation"}


def written(path: Path) -> list[int]:
    """Lines that create such rows or update such columns."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        names = {keyword.arg for keyword in node.keywords}
        on = {one.id for one in ast.walk(node.func.value) if isinstance(one, ast.Name)}
        if (node.func.attr == "update" and names & STATES) or (
            node.func.attr in ("create", "bulk_create", "get_or_create", "delete") and on & MODELS
        ):
            found.append(node.lineno)
    return found


def test_i18_there_is_one_queue_and_every_scheduled_task_is_a_verb() -> None:
    from jobs.schedules import PLANNED

    assert {plan.func for plan in PLANNED if plan.func.startswith("jobs.")} == {
        "jobs.tasks.advance_jobs",
        "jobs.tasks.collect",
        "jobs.tasks.create_automatic_jobs",
        "jobs.tasks.housekeeping",
    }
