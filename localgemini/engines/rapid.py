"""The engine `rapidocr`: pages read for real, on this machine, remembered by the picture's SHA-256."""

from __future__ import annotations

import hashlib
import importlib
import os
import queue
import threading
from pathlib import Path
from typing import Any

from localgemini.engines.layout import Box, page_text
from localgemini.engines.long_s import repaired
from localgemini.errors import BadRequest
from localgemini.requests_in import Image

VERSION = "rapidocr-3.10-1"  # part of the cache's names: change it when the text would come out otherwise
MAX_SIDE = 1600  # pixels
LOWEST_SCORE = 0.5


class RapidEngine:
    """At most `workers` pages at once; each reader holds its own models (about 0.6 GB)."""

    def __init__(self, cache: Path, workers: int) -> None:
        self.cache = cache
        self.cache.mkdir(parents=True, exist_ok=True)
        # One core stays free: the models' threads wait by spinning, and a busy neighbour then halves their pace.
        self._threads = max(1, ((os.cpu_count() or 1) - 1) // workers)
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._left = workers
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        self._readers.put(self._reader())

    def read(self, image: Image, lines: int) -> str:
        return repaired(self._remembered(image))

    def _remembered(self, image: Image) -> str:
        """The page as the recogniser gave it, from the cache or read now."""
        path = self.cache / f"{hashlib.sha256(image.data).hexdigest()}.{VERSION}.txt"
        if path.exists():
            return path.read_text(encoding="utf-8")
        text = self._recognise(image.data)
        fresh = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
        return text

    def _recognise(self, data: bytes) -> str:
        reader = self._reader()
        try:
            found = reader(data)
        except Exception as error:
            raise BadRequest("Unable to process input image. Please retry.") from error
        finally:
            self._readers.put(reader)
        return page_text(_boxes(found))

    def _reader(self) -> Any:
        """A free reader, a new one while there may be more, or the next that gets free."""
        try:
            return self._readers.get_nowait()
        except queue.Empty:
            with self._lock:
                may_make, self._left = self._left > 0, max(0, self._left - 1)
            return self._make() if may_make else self._readers.get()

    def _make(self) -> Any:
        rapidocr = importlib.import_module("rapidocr")
        return rapidocr.RapidOCR(
            params={
                "Global.max_side_len": MAX_SIDE,
                "Global.log_level": "error",
                "Global.text_score": LOWEST_SCORE,
                "Global.use_cls": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )


def _boxes(found: Any) -> list[Box]:
    if found.boxes is None or found.txts is None:
        return []
    return [Box.around(corners.tolist(), text) for corners, text in zip(found.boxes, found.txts, strict=True)]
