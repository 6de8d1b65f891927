"""`make screenshots`: every screen into docs/screenshots/, wide and narrow, light and dark.

Starts the product and the local stand-in for Gemini in a temporary data directory, fills it (screenshot_library.py),
takes the pictures with Chromium and stops everything. Names say screen, width and theme: `job-failures-390-dark.png`.
The README's pictures are those of 1400 pixels, light, which have no ending. `--only job,room` takes some of them.
"""

import argparse
import io
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from scripts.screenshot_screens import Screen, before, screens  # noqa: E402
from tests.support.localgemini import SHARED_CACHE, LocalGemini  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FOLDER = ROOT / "docs" / "screenshots"
SIZES: dict[int, ViewportSize] = {1400: {"width": 1400, "height": 900}, 390: {"width": 390, "height": 844}}
TALLEST = {1400: 1500, 390: 2400}
MOST_BYTES = 12_000_000
# Lazy images below the window are never asked for.
IMAGES_ARE_THERE = """[...document.images].every(
    image => image.complete || image.getBoundingClientRect().top > innerHeight)"""
PASSWORD = secrets.token_urlsafe(12)


class Camera:
    """Takes pictures of a site: four of each screen."""

    def __init__(self, browser: Browser, url: str, folder: Path, language: str, only: list[str]) -> None:
        self.browser, self.url, self.only = browser, url, only
        self.folder, self.language = folder, language
        self.failed = 0

    def take(self, wanted: list[Screen]) -> None:
        """All of them, with one browser context for each width, theme and login."""
        chosen = [one for one in wanted if not self.only or one.name in self.only]
        for width in SIZES:
            for theme in ("light", "dark"):
                album = [
                    one for one in chosen if (one.wide or width != 1400) and (one.dark or theme == "light")
                ]
                for logged_in in (True, False):
                    self._album(width, theme, [one for one in album if one.logged_in is logged_in], logged_in)

    def _album(self, width: int, theme: Any, wanted: list[Screen], logged_in: bool) -> None:
        if not wanted:
            return
        look_alive()
        context = self.browser.new_context(
            viewport=SIZES[width], color_scheme=theme, locale=self.language, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        if logged_in:
            self._log_in(context.new_page())
        for screen in wanted:
            tab = context.new_page()
            self._shoot(tab, screen, width, theme)
            tab.close()
        context.close()

    def _log_in(self, tab: Page) -> None:
        tab.goto(f"{self.url}/admin/login/?next=/admin/")
        tab.fill("input[name=username]", "admin")
        tab.fill("input[name=password]", PASSWORD)
        tab.click("button[type=submit]")
        tab.wait_for_url(f"{self.url}/admin/")

    def _settle(self, tab: Page, width: int) -> None:
        """Make the window as high as the page, so that bars stay where they belong, and wait for all images."""
        height = tab.evaluate("document.documentElement.scrollHeight")
        least = int(SIZES[width]["height"])
        tab.set_viewport_size({"width": width, "height": max(least, min(height, TALLEST[width]))})
        until = time.monotonic() + 20
        # Playwright's own waiting evaluates strings in the page, which the public pages forbid.
        while not tab.evaluate(IMAGES_ARE_THERE) and time.monotonic() < until:
            tab.wait_for_timeout(100)
        tab.wait_for_timeout(400)

    def _shoot(self, tab: Page, screen: Screen, width: int, theme: str) -> None:
        try:
            answer = tab.goto(self.url + screen.path, wait_until="load")
            if answer is None or answer.status != 200:
                raise RuntimeError(f"answered {answer.status if answer else 'nothing'}")
            if screen.act:
                screen.act(tab)
                tab.wait_for_load_state()
            self._settle(tab, width)
            sticks_out = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            keep(tab.screenshot(), self.folder / file_name(screen.name, width, theme))
        except Exception as error:
            self.failed += 1
            print(f"  {screen.name} at {width} {theme} was not taken: {error}", flush=True)
            return
        if sticks_out > 0:
            print(f"  {screen.name} at {width} {theme}: sticks out by {sticks_out} px", flush=True)


def look_alive() -> None:
    """No worker runs here, and the pictures are not of that."""
    from jobs.models import Heartbeat

    for name in ("worker", "poll", "collect"):
        Heartbeat.beat(name)


def file_name(screen: str, width: int, theme: str) -> str:
    """What a picture is called."""
    ending = "".join([f"-{width}" if width != 1400 else "", "-dark" if theme == "dark" else ""])
    return f"{screen}{ending}.png"


def keep(raw: bytes, path: Path) -> None:
    """Keep 256 colours, the rare ones too: a third of the size, and no eye sees it."""
    image = Image.open(io.BytesIO(raw)).convert("RGB")
    image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settle(data: Path, gemini: LocalGemini) -> None:
    """Settings for this process and the web server, then Django and an empty, migrated database."""
    host = gemini.url.removeprefix("http://")
    # Static files of their own: others may be collecting theirs at this moment.
    own = f"from sourcebatch.settings import *\n\nSTATIC_ROOT = {str(data / 'static')!r}\n"
    (data / "picture_settings.py").write_text(own, encoding="utf-8")
    sys.path.insert(0, str(data))
    os.environ["PYTHONPATH"] = str(data)
    os.environ.update({
        "DJANGO_SETTINGS_MODULE": "picture_settings", "DJANGO_ALLOW_ASYNC_UNSAFE": "1", "DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data / 'pictures.sqlite3'}", "LIBRARY_DATABASE_URL": "",
        "GEMINI_API_KEY": "pictures", "GEMINI_BASE_URL": gemini.url, "FETCH_ALLOWED_HOSTS": host,
        "FETCH_HOST_INTERVAL": "0", "POLL_FIRST_SECONDS": "0.5", "POLL_LAST_SECONDS": "1", "BATCH_MAX_PAGES": "8",
        "SPEND_LIMIT_DAY_USD": "2", "SPEND_LIMIT_MONTH_USD": "20", "ADMIN_PASSWORD": PASSWORD, "LOG_LEVEL": "ERROR",
    })  # fmt: skip
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from sourcebatch.management.commands.ensure_admin import ensure_admin

    ensure_admin()


@contextmanager
def web() -> Iterator[str]:
    """The site, served as in production; its address."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        sys.executable, "-m", "gunicorn", "sourcebatch.wsgi", "--bind", url.removeprefix("http://"), "--threads", "4",
        "--log-level", "warning",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(f"{url}/admin/login/", process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Until it answers; ends the script when the server has stopped or 60 seconds have passed."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The web server did not start: see the lines above.")


@contextmanager
def stand_in(data: Path, images: Path) -> Iterator[LocalGemini]:
    """The local stand-in that reads pages; what it has read once is kept for the next time."""
    options = ["--images", str(images), "--cache-dir", str(SHARED_CACHE)]
    gemini = LocalGemini(data / "gemini", "rapidocr", *options, as_google=False).start()
    try:
        yield gemini
    finally:
        gemini.stop()


def take_all(data: Path, folder: Path, language: str, only: list[str]) -> int:
    """The whole session; how many pictures could not be taken."""
    images = data / "images"
    images.mkdir()
    with stand_in(data, images) as gemini, sync_playwright() as playwright:
        settle(data, gemini)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        with web() as url:
            camera = Camera(browser, url, folder, language, only)
            camera.take(before())
            from scripts.screenshot_library import build, manifest

            print("Filling the library ...", flush=True)
            library = build(gemini)
            camera.take(screens(library, manifest(images, gemini.url)))
        browser.close()
    return camera.failed


def main() -> int:
    """1 when a picture was not taken, or when they have become too large for the repository."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--language", default="en-GB", help="what the browser asks for (en-GB)")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the pictures go (docs/screenshots)"
    )
    parser.add_argument("--only", default="", help="names of screens, with commas between them")
    told = parser.parse_args()
    chosen = [name for name in told.only.split(",") if name]
    told.folder.mkdir(parents=True, exist_ok=True)
    for old in [] if chosen else told.folder.glob("*.png"):
        old.unlink()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        failed = take_all(Path(folder), told.folder.resolve(), told.language, chosen)
    taken = list(told.folder.glob("*.png"))
    size = sum(path.stat().st_size for path in taken)
    print(f"{len(taken)} pictures, {size / 1e6:.1f} MB, in {told.folder}")
    return int(failed > 0 or size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
