"""The product's settings in small portions and without patience: machines that share all but their DATA_DIR."""

from sourcebatch.settings import *  # noqa: F403

GEMINI_API_KEY = "local-test-key"
POLL_FIRST_SECONDS = 0.3
POLL_LAST_SECONDS = 1.0
PREPARE_CHUNK_SIZE = WORKER_CHUNK_SIZE = 2
JOB_LEASE_SECONDS = 6.0
GEMINI_TIMEOUT = 5
INLINE_MAX_PAGES = 0
COPY_ANSWERS = False
