"""What one server is started with, and the limits that Google publishes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024
GB = 1024 * MB
HOUR = 3600.0

INLINE_LIMIT = 20 * MB  # bytes of one JSON body
FILE_LIMIT = 2 * GB  # bytes of one uploaded file
LIFETIME = 48 * HOUR  # seconds that files are kept and that a batch may stay open


@dataclass(frozen=True)
class Config:
    """One server: where it listens, where it keeps its state, how it reads pages."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    engine: str = "none"
    images: Path | None = None
    workers: int = 1
    cache_dir: Path | None = None
    api_keys: tuple[str, ...] = ()
    as_google: bool = False

    @property
    def own_name(self) -> str:
        """What answers call their maker: what reads here is no model of Google's and does not pass for one."""
        return f"localgemini-{self.engine}"

    @property
    def ocr_cache(self) -> Path:
        return self.cache_dir or self.data_dir / "cache"

    def folder(self, name: str) -> Path:
        """A sub-folder of the data directory, made when it is missing."""
        path = self.data_dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path
