"""Two gigabytes through the real web server into the admin's import form, and by a worker onto pages."""

import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from tests.incidents.site import Site
from tests.support.localgemini import LocalGemini
from tests.support.ports import kept_port

SIZE = 2_100_000_000
# The archive, the upload and the page images lie side by side for a moment.
ROOM = 4 * SIZE
MATERIAL = Path(__file__).resolve().parents[3] / "shared" / "material"
PASSWORD = "a long password 17"
IMPORT = "/admin/books/book/import/"


def archive_of(images: list[Path], path: Path) -> int:
    """An archive of at least SIZE bytes, the images again and again; how many there are in it."""
    number = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        while path.stat().st_size < SIZE:
            number += 1
            archive.write(images[number % len(images)], f"leaf {number}.jpg")
    return number


def peak(pid: int) -> int:
    """The most memory a process and its children ever held at once, in bytes, process by process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert own
    return max(int(own[1]) * 1024, *(peak(int(child)) for child in children), 0)


def wait_for(address: str, server: "subprocess.Popen[str]") -> None:
    for _ in range(300):
        assert server.poll() is None, "the web server ended"
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web server does not answer")


def test_two_gigabytes_are_uploaded_and_imported_in_flat_memory(tmp_path: Path, local: LocalGemini) -> None:
    if shutil.disk_usage(tmp_path).free < ROOM:
        pytest.skip(f"needs {ROOM // 10**9} GB of free disk")
    pages = archive_of(sorted(MATERIAL.rglob("*.jpg")), tmp_path / "book.zip")
    site = Site(
        tmp_path / "site", local, ADMIN_PASSWORD=PASSWORD, DJANGO_SETTINGS_MODULE="tests.scale.settings"
    )
    try:
        site.finish(site.manage("ensure_admin"))
        web, home = served(site)
        before = peak(web.pid)
        preview = upload(home, tmp_path / "book.zip", tmp_path / "cookies")
        assert f"{pages} pages" in re.sub(r"<[^>]+>|\s+", " ", preview)
        grown = peak(web.pid) - before
        assert "imported in the background" in confirm(home, preview, tmp_path / "cookies")
        worker = site.manage("worker")
        outcome = wait_for_outcome(home, tmp_path / "cookies", worker)
        assert f"{pages} pages" in outcome
        print(
            f"{pages} pages; memory: web grew by {grown / 1e6:.0f} MB, worker's largest {peak(worker.pid) / 1e6:.0f} MB"
        )
        assert grown < 64_000_000
        assert peak(worker.pid) < 250_000_000
    finally:
        site.close()


def served(site: Site) -> tuple["subprocess.Popen[str]", str]:
    """The web server as the Procfile starts it, and its address."""
    with kept_port() as port:
        place = f"127.0.0.1:{port}"
        web = site.start(
            [sys.executable, "-m", "gunicorn", "sourcebatch.wsgi", "--bind", place, "--threads", "8"]
        )
        wait_for(f"http://{place}/health", web)
    return web, f"http://{place}"


def curl(jar: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["curl", "-sS", "-L", "--fail-with-body", "-b", jar, "-c", jar, *arguments],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    return done.stdout


def token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found, page[:2000]
    return found[1]


def upload(home: str, archive: Path, jar: Path) -> str:
    """Log in and hand in the archive as a browser does; the page that comes back."""
    login = f"{home}/admin/login/?next={IMPORT}"
    given = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token(curl(jar, login))}
    form = curl(jar, "--data", urlencode(given), login)
    began = time.monotonic()
    page = curl(
        jar, "-F", f"csrfmiddlewaretoken={token(form)}", "-F", f"file=@{archive};type=application/zip",
        home + IMPORT,
    )  # fmt: skip
    print(f"uploaded in {time.monotonic() - began:.0f} s")
    return page


def confirm(home: str, preview: str, jar: Path) -> str:
    """Say yes to the preview."""
    return curl(jar, "--data", urlencode({"csrfmiddlewaretoken": token(preview)}), f"{home}{IMPORT}preview/")


def wait_for_outcome(home: str, jar: Path, worker: "subprocess.Popen[str]") -> str:
    """The import page as soon as it says what came of the import."""
    began = time.monotonic()
    while time.monotonic() < began + 400:
        assert worker.poll() is None, "the worker ended"
        page = curl(jar, home + IMPORT)
        if found := re.search(r"Imported [^<]*|It was broken off[^<]*|Not imported[^<]*", page):
            print(f"imported in {time.monotonic() - began:.0f} s: {found[0]}")
            return found[0]
        time.sleep(1)
    raise AssertionError("nothing came of it in time")
