"""`manage.py check_gemini`: does the key work, and for what? Costs nothing."""

import io
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from jobs import gemini
from jobs.models import GeminiBatch
from sourcebatch.lib.ids import new_id

QUOTA_GB = 20
ENDS = gemini.WITH_RESULTS | gemini.WITHOUT_RESULTS
MODEL_SETTINGS = ("OCR_BATCH_MODEL", "TRANSLATE_BATCH_MODEL", "OCR_MODEL", "TRANSLATE_MODEL")


class Command(BaseCommand):
    """One line for each thing that is needed; exits with 1 when one of them fails."""

    help = (
        "Check the Gemini key: models, upload of a small file, space for files, open batches. Costs nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        steps: list[tuple[str, Callable[[], str]]] = [
            ("key", _key), ("models", _models), ("upload", _upload), ("files", _files), ("batches", _batches),
        ]  # fmt: skip
        failed = [name for name, step in steps if not self._try(name, step)]
        if failed:
            raise SystemExit(1)

    def _try(self, name: str, step: Callable[[], str]) -> bool:
        try:
            self.stdout.write(f"{name + ':':10}{step()}")
        except gemini.GeminiError as error:
            self.stdout.write(self.style.ERROR(f"{name + ':':10}FAILED. {error.sentence}"))
            return False
        return True


def _key() -> str:
    if not gemini.fingerprint():
        raise gemini.KeyRefused("There is no Gemini key: set GEMINI_API_KEY (or GEMINI_API_KEY_FILE).")
    others = GeminiBatch.objects.unfinished().exclude(key_fingerprint=gemini.fingerprint()).count()
    also = f"; {others} open batches were made with another key and wait for it" if others else ""
    return f"set, fingerprint {gemini.fingerprint()}, server {settings.GEMINI_BASE_URL}{also}"


def _models() -> str:
    there = set(gemini.model_names())
    wanted = {getattr(settings, name): name for name in MODEL_SETTINGS}
    missing = [f"{model} ({name})" for model, name in wanted.items() if model not in there]
    if missing:
        raise gemini.NotFound(f"This key has no model {', '.join(missing)}: choose another in the settings.")
    return f"{len(there)} models, among them {', '.join(wanted)}"


def _upload() -> str:
    name = f"check-{new_id()}"
    file = gemini.upload(io.BytesIO(b'{"key": "check"}\n'), name=name, display_name="sourcebatch check")
    gemini.delete_file(file.name)
    return "a small file was uploaded and deleted again"


def _files() -> str:
    files = list(gemini.list_files())
    used = sum(file.bytes for file in files) / 1e9
    line = f"{len(files)} files, {used:.2f} of {QUOTA_GB} GB"
    return f"{line}: nearly full, delete some" if used > 0.8 * QUOTA_GB else line


def _batches() -> str:
    batches = list(gemini.list_batches())
    running = [batch for batch in batches if batch.state not in ENDS]
    ours = set(GeminiBatch.objects.exclude(name="").values_list("name", flat=True))
    foreign = sum(batch.name not in ours for batch in running)
    return f"{len(running)} open of at most {settings.MAX_OPEN_BATCHES}, {foreign} of them not made here"
