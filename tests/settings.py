"""The product's settings with a folder of their own, fast password hashes and no patience."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _own_folder() -> str:
    """A fresh folder for this process; processes that tests start inherit it, parallel test workers do not."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    given = Path(os.environ.get("SOURCEBATCH_TEST_DIR", ""))
    if given.name == worker:
        return str(given)
    folder = Path(tempfile.mkdtemp(prefix="sourcebatch-tests-")) / worker
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    os.environ["SOURCEBATCH_TEST_DIR"] = str(folder)
    return str(folder)


os.environ["DATA_DIR"] = _own_folder()
os.environ.setdefault("SECRET_KEY", "tests-only")

from sourcebatch.settings import *  # noqa: E402, F403
from sourcebatch.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
GEMINI_API_KEY = "local-test-key"
GEMINI_BASE_URL = "http://127.0.0.1:9"  # each test points this at its own localgemini
FETCH_ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
FETCH_RETRIES = 1
ADOPT_WAIT_SECONDS = 0.0
POLL_FIRST_SECONDS = 0.0
POLL_LAST_SECONDS = 0.0
SECOND_READING = "off"  # workers in tests have other things to do; tests/second_reading turns it on
(DATA_DIR / "files").mkdir(parents=True, exist_ok=True)
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: races are tested with threads and processes that share it.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
# Static files are served by the finders in tests; WhiteNoise warns when its folder is not there.
STATIC_ROOT = DATA_DIR / "staticfiles"
STATIC_ROOT.mkdir(exist_ok=True)
