"""A Sourcebatch of its own for one test: a folder, a database, and real processes that work on it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.localgemini import LocalGemini
from tests.torture.database import Database, database_for

ROOT = Path(__file__).resolve().parents[2]


class Site:
    """Runs `manage.py` and the small programs of `tests.incidents.programs` in processes of their own."""

    def __init__(self, folder: Path, gemini: LocalGemini, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database: Database = database_for(os.environ.get("DATABASE_URL", ""), folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONWARN")}
        self.environment = kept | {
            "DATABASE_URL": self.database.url, "DATA_DIR": str(folder), "GEMINI_BASE_URL": gemini.url,
            "DJANGO_SETTINGS_MODULE": "tests.torture.settings", "SECRET_KEY": "tests-only", "LOG_LEVEL": "ERROR",
            "PYTHONDEVMODE": "",
        } | environment  # fmt: skip
        self.running: list[subprocess.Popen[str]] = []
        self.finish(self.manage("migrate", "-v", "0"))

    def start(self, command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """A process of this site; `close` ends what is left of it."""
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        return process

    def manage(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return self.start([sys.executable, "manage.py", *arguments], **environment)

    def program(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """One of `tests.incidents.programs`."""
        return self.start([sys.executable, "-m", "tests.incidents.programs", *arguments], **environment)

    def finish(self, process: subprocess.Popen[str], seconds: float = 90) -> str:
        """Wait for a process to end well; what it printed."""
        out, err = process.communicate(timeout=seconds)
        assert process.returncode == 0, err[-3000:]
        return out

    def ask(self, *arguments: str) -> Any:
        """What a program answers, as JSON."""
        return json.loads(self.finish(self.program(*arguments)))

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.database.drop()
