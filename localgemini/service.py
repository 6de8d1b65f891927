"""The parts of one server, put together, and what happens to all of them at once."""

from __future__ import annotations

import shutil
from typing import Any

from localgemini.batches import Batches
from localgemini.config import Config
from localgemini.engines import base
from localgemini.faults import Faults
from localgemini.files import Files
from localgemini.responder import Responder
from localgemini.runner import Runner
from localgemini.store import Store


class Service:
    """Files, batches, faults and the runner over one data directory."""

    def __init__(self, config: Config) -> None:
        self.config = config
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self.store = Store(config.data_dir / "state.db")
        self.faults = Faults(self.store)
        self.files = Files(config, self.store)
        self.batches = Batches(config, self.store, self.files, self.faults)
        maker = "" if config.as_google else config.own_name
        self.responder = Responder(base.make(config), self.store, self.faults, maker)
        self.runner = Runner(self.batches, self.responder, config.workers)

    def start(self) -> None:
        self.runner.start()

    def stop(self) -> None:
        self.runner.stop()
        self.store.close()

    def accepts(self, key: str) -> bool:
        """Whether this key is valid: in the list, if there is one, and not refused."""
        listed: Any = self.store.setting("accepted_keys") or self.config.api_keys
        return (not listed or key in listed) and key not in self.store.setting("refused_keys")

    def display_name(self, name: str) -> str:
        """The display name of `files/...` or `batches/...`, empty when there is none."""
        table = "file" if name.startswith("files/") else "batch"
        sql = f"SELECT display_name FROM {table} WHERE id = ?"  # noqa: S608 - one of two tables
        row = self.store.one(sql, name.split("/", 1)[1])
        return str(row["display_name"] or "") if row else ""

    def reset(self) -> None:
        """Forget everything but the OCR cache: files, batches, faults, settings, clock, journal."""
        self.store.reset()
        self.faults.reload()
        for folder in (self.files.folder, self.files.uploads, self.batches.inline, self.batches.work):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
        self.runner.wake()
