"""`make run`: everything of Sourcebatch on this machine, in the foreground, until Ctrl-C or SIGTERM.

Without a GEMINI_API_KEY (and a GEMINI_BASE_URL of your own) a local stand-in for Gemini is started too.
PORT (8000), HOST (127.0.0.1) and ADMIN_PASSWORD come from the environment, all other settings as always.
"""

import fcntl
import os
import shlex
import signal
import socket
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HOST = os.environ.get("HOST", "127.0.0.1")
LOCAL_GEMINI_PORT = 9100
SAMPLE = ROOT / "books" / "sample"
START_SECONDS = 60.0


def wanted_port() -> int:
    """PORT as a number; ends the program with a sentence when it is none."""
    given = os.environ.get("PORT", "").strip() or "8000"
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        sys.exit(
            f"PORT is {given!r}, which is no port: say a number from 1 to 65535, such as PORT=8001 make run."
        )
    return int(given)


PORT = wanted_port()


def keep_ours(host: str, port: int) -> socket.socket:
    """The port where the site is to listen, ours until the socket is closed; ends the program when somebody has it."""
    kept = socket.socket()
    # As the web server does, or what is left of connections of the last run would stand in the way for a minute.
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        kept.bind((host, port))
    except OSError:
        kept.close()
        sys.exit(f"Port {port} is in use: stop the other program, or say PORT={port + 1} make run.")
    return kept


def keep_port(preferred: int) -> socket.socket:
    """The preferred port of 127.0.0.1 or, when somebody has it, any free one; ours until the socket is closed.

    Seconds pass until the stand-in listens there, in which nobody else may come by the same number.
    """
    kept = socket.socket()
    try:
        kept.bind(("127.0.0.1", preferred))
    except OSError:
        kept.bind(("127.0.0.1", 0))
    # Only now, and for the stand-in alone: whoever wants a port to himself is still refused.
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return kept


def use_local_gemini() -> socket.socket | None:
    """Point the settings at a local stand-in unless a key or an address was given; its port, kept, or None."""
    import environ

    environ.Env.read_env(ROOT / ".env", overwrite=False)
    env = environ.FileAwareEnv()
    if env.str("GEMINI_API_KEY", default="").strip() or os.environ.get("GEMINI_BASE_URL"):
        return None
    kept = keep_port(LOCAL_GEMINI_PORT)
    port = int(kept.getsockname()[1])
    os.environ["GEMINI_API_KEY"] = "local-stand-in"
    os.environ["GEMINI_BASE_URL"] = f"http://127.0.0.1:{port}"
    # Asking a server on this machine costs nothing, and it is done in seconds, not in hours.
    os.environ.setdefault("POLL_FIRST_SECONDS", "2")
    os.environ.setdefault("POLL_LAST_SECONDS", "10")
    hosts = os.environ.get("FETCH_ALLOWED_HOSTS", "")
    os.environ["FETCH_ALLOWED_HOSTS"] = f"{hosts},127.0.0.1:{port}".strip(",")
    return kept


def hold(folder: Path) -> int:
    """Take the data folder for this run alone, as long as the returned descriptor is open; else end with a sentence.

    Two workers would share the database well, but not two stand-ins: each has batches that the other does not know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        where = os.read(held, 200).decode(errors="replace").strip()
        sys.exit(
            f"Sourcebatch runs with the data in {folder} already ({where}): use that, stop it there by Ctrl-C, "
            "or say DATA_DIR=another-folder make run."
        )
    os.ftruncate(held, 0)
    os.pwrite(held, f"http://127.0.0.1:{PORT}/admin/, process {os.getpid()}".encode(), 0)
    return held


def ready() -> str | None:
    """`prepare`, or the end of the program with a sentence where folder or database cannot be written."""
    from django.db import DatabaseError

    try:
        import django
        from django.conf import settings

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
        django.setup()
        hold(settings.DATA_DIR)
        return prepare()
    except OSError as error:
        sys.exit(
            f"Sourcebatch cannot write what it keeps ({error}): make room there, give it the right to write, "
            "or say DATA_DIR=another-folder make run."
        )
    except DatabaseError as error:
        sys.exit(
            f"The database cannot be used ({str(error).strip()}): see to its server, its rights and its disk."
        )


def prepare() -> str | None:
    """Database, static files, user and sample book; the administrator's password if it was made now."""
    from django.conf import settings
    from django.core.management import call_command

    for alias in settings.DATABASES:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    collect_static()
    call_command("import_sample", if_empty=True)
    from sourcebatch.management.commands.ensure_admin import ensure_admin

    return ensure_admin()


def collect_static() -> None:
    """Collect static files if there are newer ones, or newer packages, than at the last time."""
    from django.conf import settings
    from django.core.management import call_command

    stamp = Path(settings.STATIC_ROOT) / ".collected"
    sources = [ROOT / ".venv" / "installed-run", *(ROOT / "static").rglob("*")]
    newest = max((path.stat().st_mtime for path in sources if path.exists()), default=0.0)
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        print("Collecting static files ...", flush=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.touch()


def commands(gemini_port: int | None) -> dict[str, str]:
    """What is started, by name."""
    python = shlex.quote(sys.executable)
    started = {
        "web": f"exec {python} -m gunicorn sourcebatch.wsgi --bind {HOST}:{PORT} --workers 1 --threads 8"
        " --graceful-timeout 3 --log-level warning",
        "worker": f"exec {python} manage.py worker --respawn --grace 3",
    }
    if gemini_port:
        from django.conf import settings

        folder = shlex.quote(str(settings.DATA_DIR / "localgemini"))
        started["gemini"] = (
            f"exec {python} -m localgemini --port {gemini_port} --data-dir {folder} --engine rapidocr"
            f" --images {shlex.quote(str(SAMPLE))}"
        )
    return started


def announce(password: str | None, gemini_port: int | None) -> None:
    """Print the address and the login when they work; runs in a thread of its own."""
    until = time.monotonic() + START_SECONDS
    while not answers(f"http://127.0.0.1:{PORT}/admin/login/"):
        if time.monotonic() > until:
            print(f"\n  Nothing answers on port {PORT} yet: see the lines above.\n", flush=True)
            return
        time.sleep(0.5)
    login = f"user admin, password {password} (shown this once)" if password else login_hint()
    gemini = (
        f"local stand-in on port {gemini_port}; nothing is paid" if gemini_port else "as set; jobs cost money"
    )
    print(
        f"\n  Sourcebatch: http://127.0.0.1:{PORT}/admin/\n  Log in:      {login}\n  Gemini:      {gemini}\n"
        "  Ctrl-C stops everything.\n",
        flush=True,
    )


def login_hint() -> str:
    """What to say about a password that is not ours to show."""
    return "user admin, with the ADMIN_PASSWORD you gave" if os.environ.get("ADMIN_PASSWORD") else "as before"


def answers(url: str) -> bool:
    """Whether that page can be seen."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def end_with_the_terminal() -> None:
    """A window that is closed ends everything, as Ctrl-C does; nobody reads what is printed then."""

    def hang_up(number: int, frame: object) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGHUP, hang_up)


def main() -> int:
    """Prepare, start, wait; 0 when asked to stop, else the exit code of what stopped first."""
    from honcho.manager import Manager

    os.chdir(ROOT)
    with ExitStack() as kept:
        kept.enter_context(keep_ours(HOST, PORT))
        stand_in = use_local_gemini()
        gemini_port = int(kept.enter_context(stand_in).getsockname()[1]) if stand_in else None
        password = ready()
        manager = Manager()
        for name, command in commands(gemini_port).items():
            manager.add_process(name, command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=str(ROOT))
        end_with_the_terminal()
        threading.Thread(target=announce, args=[password, gemini_port], daemon=True).start()
        if sys.platform != "linux":
            kept.close()  # Elsewhere nobody can listen on what somebody else has, whatever both of them allow.
        manager.loop()
    return 0 if manager.returncode in (130, 143) else manager.returncode or 1


if __name__ == "__main__":
    sys.exit(main())
