"""Programs over a site's database, each run as a process of its own: `python -m tests.incidents.programs NAME ...`.

`crowd` forks: many callers at once without paying for Python's start each time.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402

from books.models import ApiToken, Book, Page, PageText  # noqa: E402
from jobs import lifecycle  # noqa: E402
from jobs.lifecycle import Actor, NewJob, NothingToDo, Unavailable  # noqa: E402
from jobs.models import Job, JobQuerySet  # noqa: E402
from sourcebatch.lib.clock import now  # noqa: E402
from tests.torture.check import check_end, check_now  # noqa: E402

ROBOT = Actor("script", "command")
MOST = 3000


def ready(pages: str, address: str) -> Any:
    """A book with images at this address and a job over it; the job's id."""
    return {"job": _order(_make(int(pages), address))["job"]}


def crowd(pages: str, address: str, *roles: str) -> Any:
    """A book, and everybody at once at it: `order`, or on its job `script`, `worker`, `click`, `thief`."""
    book = _make(int(pages), address)
    job = "" if "order" in roles else _order(book)["job"]
    answers = _together([(role, book if role == "order" else job) for role in roles])
    job = job or Job.objects.get(book=book).pk
    return {"answers": answers, **_seen(job)}


def finish(job: str) -> Any:
    """Time goes by, leases of dead workers run out, another worker finishes the job."""
    check_now()
    Job.objects.exclude(lease_until=None).update(lease_until=now())
    _script(job)
    check_end(None)
    return _seen(job)


def advance(job: str) -> Any:
    """Step after step until the job has ended."""
    return _script(job)


def _seen(job: str) -> dict[str, Any]:
    check_now()
    status = Job.objects.get(pk=job).status
    return {"job": job, "status": status, "texts": PageText.objects.filter(job_id=job).count()}


# --- Who takes part ---


def _make(pages: int, address: str) -> str:
    book = Book.objects.create(title="Epodi", language="la")
    Page.objects.bulk_create(
        [Page(book=book, number=n, image_url=f"{address}/page/{n}.jpg") for n in range(1, pages + 1)]
    )
    book.recount()
    return book.pk


def _order(book: str) -> Any:
    """Order the transcription; `created` is false where somebody else was first."""
    try:
        made = lifecycle.create(NewJob("batch_ocr", None, book), ROBOT)
    except NothingToDo:
        return {"job": None, "created": False}
    return {"job": made.job.pk, "created": made.created}


def _script(job: str) -> Any:
    """Steps as fast as they go; how often somebody else was busy with the job."""
    busy = 0
    for _ in range(MOST):
        try:
            step = lifecycle.advance(job, ROBOT)
        except Unavailable:
            time.sleep(0.02)
            continue
        busy += bool(step.payload.get("busy"))
        if step.done:
            return {"busy": busy}
        if not step.more:
            time.sleep(0.02)
    raise SystemExit("the job does not end")


def _worker(job: str) -> Any:
    call_command("advance_jobs", "--until-done", "--job", job, stdout=sys.stderr)
    return {}


def _click(job: str) -> Any:
    """POST /process through the whole middleware, with a token."""
    client, busy, statuses = Client(SERVER_NAME="localhost"), 0, set()
    token = ApiToken.issue(f"click {os.getpid()}", ApiToken.Scope.OPERATE)[1]
    for _ in range(MOST):
        answer = client.post(f"/api/jobs/{job}/process", headers={"Authorization": f"Bearer {token}"})
        statuses.add(answer.status_code)
        busy += bool(answer.json().get("busy"))
        if answer.json()["done"]:
            return {"busy": busy, "statuses": sorted(statuses)}
        time.sleep(0.02)
    raise SystemExit("the job does not end")


def _thief(job: str) -> Any:
    """The negative control: everybody gets the lease whoever has it."""

    def claim(self: JobQuerySet, job_id: str, owner: str, until: Any) -> bool:
        return bool(self.filter(pk=job_id).update(lease_owner=owner, lease_until=until))

    JobQuerySet.claim = claim  # type: ignore[method-assign]
    return _script(job)


ROLES: dict[str, Callable[[str], Any]] = {
    "order": _order, "script": _script, "worker": _worker, "click": _click, "thief": _thief,
}  # fmt: skip


def _together(parts: list[tuple[str, str]]) -> list[Any]:
    """Each part in a fork of its own, all let go at once; their answers."""
    connections.close_all()
    go, start = os.pipe()
    pipes = [_fork(role, what, go, start) for role, what in parts]
    os.close(go)
    os.close(start)
    answers = []
    for pid, reading in pipes:
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        assert os.waitpid(pid, 0)[1] == 0, said
        answers.append(json.loads(said))
    return answers


def _fork(role: str, what: str, go: int, start: int) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(start)
    # Closed by the parent when all are there.
    os.read(go, 1)
    code = 1
    try:
        answer = ROLES[role](what)
        connections.close_all()
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        code = 0
    finally:
        os._exit(code)


PROGRAMS: dict[str, Callable[..., Any]] = {one.__name__: one for one in (ready, crowd, finish, advance)}

if __name__ == "__main__":
    print(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])))
