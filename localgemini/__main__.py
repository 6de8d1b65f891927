"""The command line: `python -m localgemini --port 9100 --data-dir DIR`."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from localgemini.config import Config
from localgemini.engines.base import NAMES


def arguments(argv: list[str] | None = None) -> Config:
    parser = argparse.ArgumentParser(
        prog="localgemini", description="A Gemini-compatible server on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, loopback only")
    parser.add_argument("--port", type=int, default=9100, help="port, 0 for a free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder for files, batches and state")
    parser.add_argument("--cache-dir", type=Path, help="folder for recognised pages (DATA_DIR/cache)")
    parser.add_argument("--engine", choices=NAMES, default="none", help="what reads the pages")
    parser.add_argument("--images", type=Path, help="folder served at /images/")
    parser.add_argument("--workers", type=int, default=1, help="batches worked on at once")
    parser.add_argument("--api-key", action="append", default=[], help="accept only this key (repeatable)")
    parser.add_argument(
        "--as-google", action="store_true",
        help="name the model that was asked for as the maker of each answer, as Google does (for tests)",
    )  # fmt: skip
    asked = parser.parse_args(argv)
    from localgemini.server import is_loopback

    if not is_loopback(asked.host):
        parser.error(
            f"{asked.host} is not a loopback address; this server must not be reachable from outside."
        )
    if asked.images and not asked.images.is_dir():
        parser.error(f"--images {asked.images} is not a folder.")
    if asked.engine == "rapidocr" and importlib.util.find_spec("rapidocr") is None:
        parser.error("rapidocr is not installed: pip install -r requirements-localgemini.txt")
    return Config(
        data_dir=asked.data_dir, host=asked.host, port=asked.port, engine=asked.engine, images=asked.images,
        workers=max(1, asked.workers), cache_dir=asked.cache_dir, api_keys=tuple(asked.api_key),
        as_google=asked.as_google,
    )  # fmt: skip


def main() -> None:
    from localgemini.server import serve

    serve(arguments())


if __name__ == "__main__":
    main()
