"""Settings, all read from the environment or `.env`; `.env.example` lists each with its unit and default.

A secret may come from a file: `GEMINI_API_KEY_FILE=/run/secrets/key` fills `GEMINI_API_KEY`.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ

from sourcebatch.lib import storage
from sourcebatch.lib.quotas import dollars
from sourcebatch.unfold import UNFOLD as UNFOLD

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)

# --- Where things live -----------------------------------------------------------------------------------------
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key() -> str:
    """The configured key, or one made once and kept in DATA_DIR so that a first run needs no configuration."""
    given = env.str("SECRET_KEY", default="")
    if given:
        return str(given)
    from sourcebatch.lib.secretkey import kept_secret_key

    return kept_secret_key(DATA_DIR)


# --- Django ----------------------------------------------------------------------------------------------------
SECRET_KEY = _secret_key()
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=False)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_q",
    "sourcebatch",
    "books",
    "jobs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "sourcebatch.csp.PolicyByRoom",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "sourcebatch.urls"
WSGI_APPLICATION = "sourcebatch.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# Tells the JSON API who calls; sourcebatch.lib.http imports no app, so it is named here.
API_AUTHENTICATOR = "books.access.authenticate"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale_unfold"]
FORMAT_MODULE_PATH = "sourcebatch.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# A library that pastes 5,000 page ids into one form or one call is welcome; files are streamed to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=4_000_000_000)
FILE_UPLOAD_HANDLERS = [
    "books.uploads.Limited",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# Beside the file storage, so that an upload is moved there instead of copied; /tmp is memory on many machines.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

# --- Databases -------------------------------------------------------------------------------------------------
# FULL: in WAL mode a power cut takes back what was committed last with NORMAL. An intent would be forgotten whose batch
# runs, and results whose files are deleted at Gemini already. It costs about 2 ms a commit on an SSD.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;",
}


# A machine that is cut off notices within half a minute, and what it had locked is free after a minute.
POSTGRES_OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    # With PostgreSQL's own 4 MB it forgets which of a million texts have a common word and looks through them all
    # again (140 s instead of 2); compiling a query costs more than any of ours takes.
    "options": "-c idle_in_transaction_session_timeout=60s -c work_mem=32MB -c jit=off",
}


def _sql_database(url: str) -> dict[str, Any]:
    """Django's entry for one `sqlite:///` or `postgres://` address."""
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = SQLITE_OPTIONS
    elif config["ENGINE"].endswith("postgresql"):
        config["OPTIONS"] = POSTGRES_OPTIONS | config.get("OPTIONS", {})
    config.setdefault("CONN_MAX_AGE", env.int("CONN_MAX_AGE", default=60))
    config.setdefault("CONN_HEALTH_CHECKS", True)
    return config


DATABASES: dict[str, dict[str, Any]] = {
    "default": _sql_database(env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'sourcebatch.sqlite3'}"))
}
LIBRARY_DATABASE_URL = env.str("LIBRARY_DATABASE_URL", default="")
if LIBRARY_DATABASE_URL:
    DATABASES["library"] = {
        "ENGINE": "django_mongodb_backend",
        "HOST": LIBRARY_DATABASE_URL,
        "NAME": urlsplit(LIBRARY_DATABASE_URL).path.strip("/") or "sourcebatch",
    }
DATABASE_ROUTERS = ["sourcebatch.lib.db.LibraryRouter"]
if LIBRARY_DATABASE_URL:
    DATABASE_ROUTERS.insert(0, "django_mongodb_backend.routers.MongoRouter")

# --- Files: segments of batch files, results, page images --------------------------------------------------------
STORAGE_URL = env.str("STORAGE_URL", default="")
_folder = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": DATA_DIR / "files", "base_url": "/files/"},
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": storage.entry(STORAGE_URL) if STORAGE_URL else _folder,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- django-q2: see docs/operating.md for why these figures ------------------------------------------------------
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "cache",
    }
}
REDIS_URL = env.str("REDIS_URL", default="")
WORKERS = max(1, env.int("WORKERS", default=2))
Q_CLUSTER: dict[str, Any] = {
    "name": "sourcebatch",
    "workers": WORKERS,
    "timeout": 300,
    # More than a task may wait and run: timeout x (1 + ceil((queue_limit + 1) / workers)), or tasks run twice.
    "retry": 960 if WORKERS == 1 else 660,
    "queue_limit": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 100,
    "poll": 1,
    "label": "Scheduled tasks",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# --- Gemini ----------------------------------------------------------------------------------------------------
GEMINI_API_KEY = env.str("GEMINI_API_KEY", default="").strip()
GEMINI_BASE_URL = env.str("GEMINI_BASE_URL", default="https://generativelanguage.googleapis.com")
OCR_BATCH_MODEL = env.str("OCR_BATCH_MODEL", default="gemini-3.5-flash-lite")
TRANSLATE_BATCH_MODEL = env.str("TRANSLATE_BATCH_MODEL", default="gemini-3.5-flash-lite")
OCR_MODEL = env.str("OCR_MODEL", default="gemini-3.8-flash")
TRANSLATE_MODEL = env.str("TRANSLATE_MODEL", default="gemini-3.8-flash")
TARGET_LANGUAGE = env.str("TARGET_LANGUAGE", default="en")
PREPARE_CHUNK_SIZE = env.int("PREPARE_CHUNK_SIZE", default=20)
WORKER_CHUNK_SIZE = env.int("WORKER_CHUNK_SIZE", default=200)
COPY_ANSWERS = env.bool("COPY_ANSWERS", default=True)
BATCH_MAX_PAGES = env.int("BATCH_MAX_PAGES", default=1000)
BATCH_MAX_BYTES = env.int("BATCH_MAX_BYTES", default=1_900_000_000)
INLINE_MAX_PAGES = env.int("INLINE_MAX_PAGES", default=10)
INLINE_MAX_BYTES = env.int("INLINE_MAX_BYTES", default=10_000_000)
MAX_OPEN_BATCHES = env.int("MAX_OPEN_BATCHES", default=80)
MAX_ENQUEUED_TOKENS = env.str("MAX_ENQUEUED_TOKENS", default="3000000, *-lite=10000000")
MAX_GEMINI_FILE_BYTES = env.int("MAX_GEMINI_FILE_BYTES", default=18_000_000_000)
MIN_FREE_DISK_MB = env.int("MIN_FREE_DISK_MB", default=500)
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)
MAX_OUTPUT_TOKENS = env.int("MAX_OUTPUT_TOKENS", default=8192)
MEDIA_RESOLUTION = env.str("MEDIA_RESOLUTION", default="high")
GEMINI_TIMEOUT = env.int("GEMINI_TIMEOUT", default=120)
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", default=180)
ADOPT_WAIT_SECONDS = env.float("ADOPT_WAIT_SECONDS", default=180)
POLL_FIRST_SECONDS = env.float("POLL_FIRST_SECONDS", default=10)
POLL_LAST_SECONDS = env.float("POLL_LAST_SECONDS", default=900)
BATCH_DEADLINE_HOURS = env.float("BATCH_DEADLINE_HOURS", default=72)
RESULTS_KEPT_HOURS = env.float("RESULTS_KEPT_HOURS", default=48)
SPEND_LIMIT_DAY_USD = dollars(env.str("SPEND_LIMIT_DAY_USD", default=""))
SPEND_LIMIT_MONTH_USD = dollars(env.str("SPEND_LIMIT_MONTH_USD", default=""))

# --- Fetching images and manifests -------------------------------------------------------------------------------
FETCH_ALLOWED_HOSTS = env.list("FETCH_ALLOWED_HOSTS", default=[])
# A number for all outer hosts; `1, iiif.inner=32, gallica.bnf.fr=1` sets single ones.
FETCH_HOST_CONCURRENCY = env.str("FETCH_HOST_CONCURRENCY", default="1")
FETCH_HOST_INTERVAL = env.str("FETCH_HOST_INTERVAL", default="1.0")
FETCH_HOST_REST = env.float("FETCH_HOST_REST", default=300.0)
FETCH_RETRIES = env.int("FETCH_RETRIES", default=3)
FETCH_TIMEOUT = env.float("FETCH_TIMEOUT", default=60.0)
FETCH_MAX_BYTES = env.int("FETCH_MAX_BYTES", default=60_000_000)
FETCH_CONTACT = env.str("FETCH_CONTACT", default="")
IMAGE_MAX_SIDE = env.int("IMAGE_MAX_SIDE", default=1500)
IMAGE_MAX_PIXELS = env.int("IMAGE_MAX_PIXELS", default=200_000_000)

# --- Second readings ------------------------------------------------------------------------------------------------
SECOND_READING = env.str("SECOND_READING", default="auto")
SECOND_READING_SECONDS = env.float("SECOND_READING_SECONDS", default=40.0)
SECOND_READING_PAGE_SECONDS = env.float("SECOND_READING_PAGE_SECONDS", default=60.0)

# --- Alarms ------------------------------------------------------------------------------------------------------
ALARM_EMAILS = env.list("ALARM_EMAILS", default=[])
ALARM_WEBHOOK_URL = env.str("ALARM_WEBHOOK_URL", default="").strip()
ALARM_EVERY_HOURS = env.float("ALARM_EVERY_HOURS", default=24.0)
EMAIL_URL = env.str("EMAIL_URL", default="")
EMAIL_FROM = env.str("EMAIL_FROM", default="")
_mail = environ.Env.email_url_config(EMAIL_URL or "smtp://localhost:25")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_BACKEND"], _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_TLS")), bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM or "sourcebatch@localhost"

# --- Security ----------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^health$"]  # load balancers ask from inside, without HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", default=10)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_CLIENT_IP_CALLABLE = "sourcebatch.lib.address.client_address"
AXES_COOLOFF_MESSAGE = AXES_PERMALOCK_MESSAGE = (
    "Too many failed logins with this name from here: try again in 15 minutes, or ask an administrator."
)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # The HTTP client logs whole URLs at INFO; ours says what matters in its own words.
    "loggers": {
        "httpx2": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "google_genai": {"level": "WARNING"},
    },
}
