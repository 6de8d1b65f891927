"""The product's settings for workers that are killed: small chunks so that much happens, no patience with polls.

Leases, the wait before a batch is sent again and all other times are the product's own: a restarted worker
lives ten minutes later (see `harness.py`).
"""

import os

os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from sourcebatch.settings import *  # noqa: F403

GEMINI_API_KEY = "local-test-key"
FETCH_ALLOWED_HOSTS = ["127.0.0.1"]
FETCH_RETRIES = 1
POLL_FIRST_SECONDS = 0.0
POLL_LAST_SECONDS = 0.0
PREPARE_CHUNK_SIZE = WORKER_CHUNK_SIZE = 2
# Scenarios draw the same pages again and again, and each is to be sent.
COPY_ANSWERS = False
