"""What an engine is, and how one is found by name."""

from __future__ import annotations

from typing import Protocol

from localgemini.config import Config
from localgemini.requests_in import Image

BLANK = "[[blank]]"
NAMES = ("none", "rapidocr")


class Engine(Protocol):
    """Reads pictures. Safe to call from several threads."""

    def read(self, image: Image, lines: int) -> str:
        """The page's text, empty for a blank one. Raises BadRequest for a picture that cannot be read."""
        ...

    def warm_up(self) -> None:
        """Load what is slow to load."""
        ...


def make(config: Config) -> Engine:
    """The engine that the command line names; its libraries are imported only now."""
    if config.engine == "rapidocr":
        from localgemini.engines.rapid import RapidEngine

        return RapidEngine(config.ocr_cache, config.workers)
    from localgemini.engines.made_up import MadeUpEngine

    return MadeUpEngine()
