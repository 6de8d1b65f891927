"""RapidOCR as an engine: `books.second_reading.rapid` in a process that stays for the next image and can be killed."""

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

from django.conf import settings

from books.second_reading.engines import EngineError
from books.second_reading.layout import Line, in_order


class RapidOcr:
    """Its process starts with the first image; after an error that broke it, with the next one."""

    def __init__(self) -> None:
        self.name = f"rapidocr {importlib.metadata.version('rapidocr')}"
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def scripts(self, language: str) -> Sequence[str]:
        """The models of its wheel know Latin and Chinese letters."""
        return ("Latn", "Hani")

    def read(self, jpeg: bytes, language: str, seconds: float) -> list[Line]:
        """Send the image, wait for the line with the answer."""
        process = self._started()
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            answer = _exchanged(process, jpeg)
        finally:
            timer.cancel()
        if late.is_set():
            self.close()
            raise EngineError(f"The engine was killed after {seconds:.0f} s: the page is too slow to read.")
        if not answer:
            raise EngineError(self._last_words(), broken=True)
        told: dict[str, Any] = json.loads(answer)
        if "error" in told:
            raise EngineError(f"The engine could not read the image: {told['error']}")
        return in_order([Line(*piece) for piece in told["pieces"]])

    def close(self) -> None:
        """Kill it: it has nothing to save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._said):
                _close(pipe)
        self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
            self._process = subprocess.Popen(
                [sys.executable, "-m", "books.second_reading.rapid"], cwd=settings.BASE_DIR,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
            )  # fmt: skip
        return self._process

    def _last_words(self) -> str:
        """Why its process ended."""
        assert self._process is not None and self._said is not None
        code = self._process.wait()
        self._said.seek(0)
        last = (self._said.read().decode(errors="replace").strip().splitlines() or ["no word of it"])[-1]
        self.close()
        return f"The OCR engine on this machine ended by itself (code {code}): {last}"


def _exchanged(process: subprocess.Popen[bytes], jpeg: bytes) -> bytes:
    """The answer to an image; empty when the process has ended."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(b"%d\n" % len(jpeg) + jpeg)
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    return process.stdout.readline()


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:
        # Closing flushes what the dead process never took.
        return
