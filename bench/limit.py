"""What this machine can do at all: curl, plain files, one statement for all rows."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connections
from google import genai

from sourcebatch.lib.db import library_alias


def fetch(addresses: Sequence[str], folder: Path, parallel: int = 32) -> list[Path]:
    """All images by one curl, each as a file."""
    paths = [folder / f"{number}.jpg" for number in range(len(addresses))]
    orders = "".join(
        f'url = "{url}"\noutput = "{path}"\n' for url, path in zip(addresses, paths, strict=True)
    )
    config = folder / "curl.txt"
    config.write_text(orders)
    command = [
        "curl",
        "--silent",
        "--fail",
        "--parallel",
        "--parallel-max",
        str(parallel),
        "--config",
        str(config),
    ]
    # Some versions draw their progress all the same.
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return paths


def pipeline(addresses: Sequence[str], gemini: genai.Client, model: str) -> None:
    """From images to rows without asking any question on the way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batch_file, results = folder / "batch.jsonl", folder / "results.jsonl"
        with batch_file.open("wb") as out:
            out.writelines(_lines(fetch(addresses, folder)))
        config: Any = {"mime_type": "jsonl", "display_name": "limit"}
        file = gemini.files.upload(file=batch_file, config=config)
        batch = gemini.batches.create(model=model, src=file.name or "", config={"display_name": "limit"})
        while not batch.done:
            time.sleep(0.02)
            batch = gemini.batches.get(name=batch.name or "")
        assert batch.dest
        gemini.files.download(file=batch.dest.file_name or "", destination=results)
        with results.open("rb") as lines:
            answers = [json.loads(line) for line in lines]
        insert([(one["key"], json.dumps(one["response"])) for one in answers])


def _lines(paths: Sequence[Path]) -> Iterator[bytes]:
    head = b'{"key":"%d","request":{"contents":[{"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"'
    tail = b'"}},{"text":"Transcribe this page."}]}]}}\n'
    for number, path in enumerate(paths):
        yield b"".join((head % number, base64.b64encode(path.read_bytes()), tail))


def insert(rows: Sequence[tuple[str, str]]) -> None:
    """All rows into a bare table, in one transaction."""
    connection = connections[library_alias()]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_rows")
        cursor.execute("CREATE TABLE bench_rows (id varchar(40) PRIMARY KEY, data text)")
        cursor.executemany("INSERT INTO bench_rows (id, data) VALUES (%s, %s)", rows)
        cursor.execute("DROP TABLE bench_rows")


def upload(address: str, path: Path) -> None:
    """A batch file by curl, in one piece, by Gemini's upload protocol."""
    curl = shutil.which("curl") or "curl"
    key, size = "X-Goog-Api-Key: local-bench-key", path.stat().st_size
    start = [
        curl, "-s", "-D", "-", "-o", "/dev/null", "-X", "POST", f"{address}/upload/v1beta/files", "-H", key,
        "-H", "X-Goog-Upload-Protocol: resumable", "-H", "X-Goog-Upload-Command: start",
        "-H", f"X-Goog-Upload-Header-Content-Length: {size}", "-H", "X-Goog-Upload-Header-Content-Type: jsonl",
        "-H", "Content-Type: application/json", "-d", '{"file":{"displayName":"limit"}}',
    ]  # fmt: skip
    heads = subprocess.run(start, check=True, capture_output=True, text=True).stdout
    target = next(
        line.split(":", 1)[1].strip()
        for line in heads.splitlines()
        if line.lower().startswith("x-goog-upload-url")
    )
    send = [
        curl, "-s", "--fail", "-o", "/dev/null", "-X", "POST", "-H", key,
        "-H", "X-Goog-Upload-Command: upload, finalize",
        "-H", "X-Goog-Upload-Offset: 0", "-H", "Expect:", "-T", str(path), target,
    ]  # fmt: skip
    subprocess.run(send, check=True)
