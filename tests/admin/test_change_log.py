"""Django's log of changes: every change is in it, whoever made it and by whichever way."""

import json
import tarfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command, get_commands
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from django_q.models import OrmQ, Task
from pytest_django.fixtures import Settings

from books import texts
from books.models import ApiToken, Book, Kind, Source
from jobs import lifecycle, tasks
from jobs.lifecycle import Actor, NewJob
from jobs.models import Job, JobPage
from sourcebatch.lib.adminlog import MACHINE, Told, machine_id, record, told
from sourcebatch.lib.clock import now
from sourcebatch.lib.sentences import shown
from sourcebatch.openapi import routes
from tests.support.library import make_book, order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.origin import Answer, Origin

pytestmark = pytest.mark.django_db


def entries(**where: Any) -> list[Told]:
    """What the log says, the oldest first."""
    return [told(entry) for entry in LogEntry.objects.filter(**where).order_by("id")]


def ways(**where: Any) -> set[tuple[str, str]]:
    return {(one.via, one.by) for one in entries(**where)}


# --- The API: every call that writes ---------------------------------------------------------------------------------

Api = Callable[..., Any]


@pytest.fixture
def api(client: Client) -> Api:
    """Posts as a script with a token named `robot`."""
    token = ApiToken.issue("robot", ApiToken.Scope.OPERATE)[1]

    def post(path: str, method: str = "post", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = getattr(client, method)(path, json.dumps(body), "application/json", headers=headers)
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return post


def save_book(api: Api, origin: Origin) -> str:
    return str(api("/api/books", title="Ars", pages=[{"image_url": "https://l.example/1.jpg"}])["id"])


def import_book(api: Api, origin: Origin) -> str:
    leaf = {"type": "Canvas", "id": "https://l.example/c1", "width": 9, "height": 9, "items": []}
    leaf["items"] = [{"items": [{"body": {"type": "Image", "id": "https://l.example/1.jpg"}}]}]
    manifest = {"@context": "http://iiif.io/api/presentation/3/context.json", "id": "https://l.example/m",
            "type": "Manifest", "label": {"none": ["Ars"]}, "items": [leaf]}  # fmt: skip
    origin.answers["/m.json"] = Answer(
        json.dumps(manifest).encode(), headers={"Content-Type": "application/json"}
    )
    return str(api("/api/books/import", url=f"{origin.url}/m.json")["id"])


def create_job(api: Api, origin: Origin) -> str:
    book = make_book(1)
    pages = [page.pk for page in book.pages.all()]
    return str(api("/api/jobs", type="batch_ocr", book_id=book.pk, page_ids=pages)["job"]["id"])


def to_a_job(verb: str) -> Callable[[Api, Origin], str]:
    def do(api: Api, origin: Origin) -> str:
        job = order_ocr(make_book(1))
        if verb == "resume":
            lifecycle.pause(job.pk, Actor("tester"))
        if verb == "retry":
            JobPage.objects.filter(job=job).update(state="failed", is_open=False)
        for _ in range(3 if verb == "process" else 1):
            api(f"/api/jobs/{job.pk}/{verb}")
        return job.pk

    return do


def save_glossary(api: Api, origin: Origin) -> str:
    book = make_book(0)
    api(f"/api/books/{book.pk}/glossary", "put", terms=[{"term": "ars", "rendering": "art"}])
    return book.pk


def ocr_now(api: Api, origin: Origin) -> str:
    page = make_book(1).pages.get()
    assert api("/api/process/ocr", page_id=page.pk)["saved"]
    return page.pk


def translate_now(api: Api, origin: Origin) -> str:
    page = make_book(1).pages.get()
    texts.write(page, texts.NewText(Kind.OCR, "Arma virumque cano.", Source.MACHINE))
    assert api("/api/process/translate", page_id=page.pk)["saved"]
    return page.pk


API: dict[str, Callable[[Api, Origin], str]] = {
    "/api/books": save_book,
    "/api/books/import": import_book,
    "/api/books/{book_id}/glossary": save_glossary,
    "/api/jobs": create_job,
    "/api/process/ocr": ocr_now,
    "/api/process/translate": translate_now,
    **{
        f"/api/jobs/{{job_id}}/{verb}": to_a_job(verb)
        for verb in ("process", "cancel", "reset", "retry", "pause", "resume")
    },
}


def test_every_call_that_writes_is_judged_here() -> None:
    assert {path for path, method, _ in routes() if method != "GET"} == set(API)


@pytest.mark.parametrize("path", sorted(API))
def test_a_script_s_change_is_logged_with_its_token(
    path: str, api: Api, origin: Origin, local: LocalGemini
) -> None:
    changed = API[path](api, origin)
    assert ("api", "token robot") in ways(object_id=changed)
    by_script = LogEntry.objects.filter(change_message__endswith="(API, token robot)")
    assert {entry.user.username for entry in by_script} == {MACHINE}


def test_a_person_s_call_is_logged_under_their_name_even_where_a_token_is_called_the_same(
    as_role: Callable[[str], Client],
) -> None:
    client = as_role("Operator")
    ApiToken.issue("librarian", ApiToken.Scope.READ)
    client.post("/api/books", json.dumps({"title": "Ars", "pages": []}), "application/json")
    book = client.post(
        "/api/books",
        json.dumps({"title": "Ars", "pages": [{"image_url": "https://l.example/1.jpg"}]}),
        "application/json",
    ).json()
    entry = LogEntry.objects.get(object_id=book["id"])
    assert (entry.user.username, told(entry)) == ("librarian", Told("Saved with 1 pages", "api"))


def test_a_token_with_a_person_s_name_does_not_pass_for_the_person(client: Client) -> None:
    User.objects.create_user("anna")
    record(Actor("anna", "api", token=True), [make_book(0)], 2, "Changed")
    entry = LogEntry.objects.get()
    assert (entry.user.username, told(entry)) == (MACHINE, Told("Changed", "api", "token anna"))


# --- Commands: every one of ours -------------------------------------------------------------------------------------


def command(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


def on_a_job(verb: str) -> str:
    job = order_ocr(make_book(1))
    command("job", verb, job.pk)
    return job.pk


def run_create_jobs(tmp: Path, origin: Origin) -> str:
    command("create_jobs", "--book", make_book(1).pk, "--needs", "ocr")
    return Job.objects.get().pk


def run_advance_jobs(tmp: Path, origin: Origin) -> str:
    job = order_ocr(make_book(1))
    command("advance_jobs", "--until-done", "--timeout", "60")
    return job.pk


def run_redo(tmp: Path, origin: Origin) -> str:
    page = make_book(1).pages.get()
    texts.write(page, texts.NewText(Kind.OCR, "Arma", Source.MACHINE, model="old"))
    command("redo", "ocr", "--model", "old")
    return Job.objects.get().pk


def run_create_token(tmp: Path, origin: Origin) -> str:
    command("create_token", "harvest", "--scope", "read")
    return ApiToken.objects.get(name="harvest").pk


def run_import_book(tmp: Path, origin: Origin) -> str:
    folder = tmp / "scans"
    folder.mkdir()
    from tests.support.pages import printed

    (folder / "1.jpg").write_bytes(printed(1))
    command("import_book", str(folder))
    return Book.objects.get().pk


def run_import_sample(tmp: Path, origin: Origin) -> str:
    command("import_sample")
    return Book.objects.get().pk


def run_import_library(tmp: Path, origin: Origin) -> str:
    book = make_book(1)
    key = book.pk
    command("export_library", str(tmp / "library.zip"))
    book.pages.all().delete()
    book.delete()
    command("import_library", str(tmp / "library.zip"))
    return key


def run_keep_images(tmp: Path, origin: Origin) -> str:
    book = make_book(1)
    book.pages.update(image_file="", image_url=origin.page(1))
    command("keep_images", book.pk)
    return book.pk


def run_recount(tmp: Path, origin: Origin) -> str:
    book = make_book(1)
    Book.objects.update(pages_count=9)
    command("recount")
    return book.pk


def run_export_book(tmp: Path, origin: Origin) -> str:
    book = make_book(1)
    texts.write(book.pages.get(), texts.NewText(Kind.OCR, "Arma", Source.MACHINE))
    command("export_book", book.pk, "txt", "-o", str(tmp / "book.txt"))
    return book.pk


def run_import_mongodb(tmp: Path, origin: Origin) -> str:
    page = {"_id": 1, "id": "p1", "book_id": "ars", "page_number": 1, "image_url": "https://l.example/1.jpg"}
    (tmp / "books.json").write_text(json.dumps({"_id": 1, "id": "ars", "title": "Ars"}) + "\n")
    (tmp / "pages.json").write_text(json.dumps(page) + "\n")
    (tmp / "jobs.json").write_text("")
    command("import_mongodb", str(tmp))
    return WHOLE


def run_demo_library(tmp: Path, origin: Origin) -> str:
    command("demo_library", "--books", "1", "--pages", "2")
    return WHOLE


def run_ensure_admin(tmp: Path, origin: Origin) -> str:
    command("ensure_admin")
    return str(User.objects.get(username="admin").pk)


WHOLE = ""
"""What concerns the library as a whole and no one thing in it."""
COMMANDS: dict[str, Callable[[Path, Origin], str] | None] = {
    "advance_jobs": run_advance_jobs, "create_jobs": run_create_jobs, "job": lambda tmp, origin: on_a_job("pause"),
    "redo": run_redo, "create_token": run_create_token, "import_book": run_import_book,
    "import_sample": run_import_sample, "import_library": run_import_library, "keep_images": run_keep_images,
    "recount": run_recount, "ensure_admin": run_ensure_admin, "export_book": run_export_book,
    "import_mongodb": run_import_mongodb, "demo_library": run_demo_library,
    # They change nothing in the library; `restore` puts whole tables in place and is tested below, what
    # `second_reading` flags is tested beside its judgement.
    "backup": None, "restore": None, "export_library": None, "check_gemini": None, "second_reading": None,
    "check_library": None, "send_alarms": None, "rebuild_search": None, "worker": None,
}  # fmt: skip


def test_every_command_of_ours_is_judged_here() -> None:
    ours = {name for name, app in get_commands().items() if app in ("books", "jobs", "sourcebatch")}
    assert ours == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(name for name, run_it in COMMANDS.items() if run_it))
def test_a_command_s_change_is_logged_with_its_name(
    name: str, tmp_path: Path, origin: Origin, local: LocalGemini, settings: Settings
) -> None:
    run_it = COMMANDS[name]
    assert run_it is not None
    changed = run_it(tmp_path, origin)
    assert ("command", name) in ways(object_id=changed or None)
    assert {entry.user.username for entry in LogEntry.objects.all()} == {MACHINE}


# --- Schedules, the admin, the reading room --------------------------------------------------------------------------


def test_what_the_schedules_do_is_logged_as_theirs(local: LocalGemini) -> None:
    Book.objects.filter(pk=make_book(1).pk).update(automatic=True)
    tasks.create_automatic_jobs()
    tasks.advance_jobs(budget=30)
    job = Job.objects.get()
    said = entries(object_id=job.pk)
    assert ways(object_id=job.pk) == {("schedule", "")}
    assert [one.sentence.partition(":")[0] for one in said] == ["Created", "Sent", "Batch ended", "Finished"]
    name = job.batches.get().name
    assert said[2].sentence == f"Batch ended: {name} succeeded at Gemini"
    with override("de"):
        assert shown(said[2].sentence) == f"Stapel beendet: {name} ist bei Gemini gelungen"


def test_a_job_of_many_pages_is_one_entry_for_each_verb_and_none_for_its_pages() -> None:
    book = make_book(0)
    book.pages.bulk_create([book.pages.model(book=book, number=n) for n in range(1, 1301)])
    job = lifecycle.create(NewJob("batch_ocr", None, book.pk, overwrite="machine"), Actor("x")).job
    lifecycle.cancel(job.pk, Actor("x"))
    assert [one.sentence.partition(":")[0] for one in entries()] == ["Created", "Cancelled"]


def test_many_books_are_logged_by_few_queries(django_assert_max_num_queries: Any) -> None:
    Book.objects.bulk_create([Book(title=f"Book {number}") for number in range(500)])
    books = list(Book.objects.all())
    with django_assert_max_num_queries(6):
        record(Actor("x"), books, 2, "Changed")
    assert LogEntry.objects.count() == 500


@pytest.mark.parametrize(("success", "flag"), [(True, CHANGE), (False, DELETION)])
def test_tasks_that_a_person_hands_to_the_worker_again_are_logged(
    operator: Client, success: bool, flag: int
) -> None:
    task = Task.objects.create(
        id="a" * 32, name="ars", func="jobs.tasks.collect", started=now(), stopped=now(), success=success
    )
    action = {"action": "resubmit", "_selected_action": [task.pk]}
    address = reverse(f"admin:django_q_{'success' if success else 'failure'}_changelist")
    kind = "success" if success else "failure"
    person = User.objects.get(username="librarian")
    person.user_permissions.add(Permission.objects.get(codename=f"view_{kind}"))
    operator.post(address, action)
    assert not OrmQ.objects.exists(), "who only looks starts nothing"
    person.user_permissions.add(Permission.objects.get(codename=f"change_{kind}"))
    operator.post(address, action)
    assert OrmQ.objects.count() == 1 and Task.objects.exists() is success
    entry = LogEntry.objects.get(object_id=task.pk)
    assert (entry.action_flag, told(entry)) == (flag, Told("Handed to the worker again", "admin"))
    assert entry.user == person


def test_a_verb_in_the_admin_is_one_entry_under_the_person(operator: Client) -> None:
    job = order_ocr(make_book(1))
    operator.post(reverse("admin:jobs_job_do", args=[job.pk, "pause"]))
    paused = LogEntry.objects.filter(object_id=job.pk).order_by("-id")[0]
    assert (paused.user.username, told(paused)) == ("librarian", Told("Paused", "admin"))
    assert LogEntry.objects.filter(object_id=job.pk).count() == 2


def test_an_order_that_the_worker_carries_out_is_the_person_s(operator: Client) -> None:
    from jobs.admin_actions.orders import create_many

    create_many([make_book(1).pk], {"type": "batch_ocr"}, "librarian")
    entry = LogEntry.objects.get()
    assert (entry.user.username, told(entry).via) == ("librarian", "admin")


def test_sentences_are_kept_in_english_whatever_the_person_s_language(operator: Client) -> None:
    book = make_book(0)
    chosen = {"action": "hide", "_selected_action": [book.pk]}
    operator.post(reverse("admin:books_book_changelist"), chosen, headers={"Accept-Language": "de"})
    assert entries(object_id=book.pk) == [Told("hidden", "admin")]


def test_a_restore_is_the_first_thing_in_the_restored_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sourcebatch.backup import Restored
    from sourcebatch.management.commands import restore as module

    archive = tmp_path / "state.tar"
    tarfile.open(archive, "w").close()
    monkeypatch.setattr(module, "restore", lambda file, force: Restored("2026-11-23"))
    command("restore", str(archive))
    assert entries() == [Told("Restored the state of 2026-11-23", "command", "restore")]


def test_nobody_can_log_in_as_the_machine_nor_change_it(boss: Client) -> None:
    machine = User.objects.get(pk=machine_id())
    assert not machine.is_active and not machine.has_usable_password()
    form = reverse("admin:auth_user_change", args=[machine.pk])
    assert boss.post(form, {"username": "mallory", "is_active": "on"}).status_code == 403
    gone = boss.post(reverse("admin:auth_user_delete", args=[machine.pk]), {"post": "yes"})
    assert gone.status_code == 403
    assert machine_id() == machine.pk


def test_a_whole_job_reads_as_a_story_in_the_log(local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    run(job)
    said = [one.sentence for one in entries(object_id=job.pk)]
    assert said[0] == "Created: 2 pages, 0 left out"
    assert said[-1] == "Finished: Batch job completed: 2 succeeded, 0 failed"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Paused (admin)", Told("Paused", "admin")),
        (
            "Created: 3 pages, 0 left out (command, job)",
            Told("Created: 3 pages, 0 left out", "command", "job"),
        ),
        ("Sent (API, token a) b", Told("Sent (API, token a) b", "admin")),
        ("Sent (API, token a (b))", Told("Sent", "api", "token a (b)")),
        ("Text (fair) changed (schedule)", Told("Text (fair) changed", "schedule")),
        ('[{"changed": {"fields": ["title"]}}]', Told("Changed title.", "admin")),
        ("", Told("", "admin")),
    ],
)
def test_entries_are_taken_apart(message: str, expected: Told) -> None:
    with override("en"):
        assert told(LogEntry(change_message=message)) == expected
