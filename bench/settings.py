"""The product's settings as for a library with its own image server, and without waiting where only time is lost."""

import os

os.environ.setdefault("SECRET_KEY", "bench-only")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from sourcebatch.settings import *  # noqa: F403
from sourcebatch.settings import STORAGES

GEMINI_API_KEY = "local-bench-key"
FETCH_ALLOWED_HOSTS = ["127.0.0.1"]
FETCH_HOST_CONCURRENCY = "127.0.0.1=32"
POLL_FIRST_SECONDS = POLL_LAST_SECONDS = 0.05
# What Google allows a project is not what this machine can do.
MAX_ENQUEUED_TOKENS, MAX_GEMINI_FILE_BYTES = "0", 0
COPY_ANSWERS = False  # the same pages come again and again
ALLOWED_HOSTS = ["testserver"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
