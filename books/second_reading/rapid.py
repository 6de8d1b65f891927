"""The program that reads with RapidOCR, in a process of its own: `python -m books.second_reading.rapid`.

It holds some 0.8 GB while it runs and may be killed at any moment; it ends with the process that started it, whose end
closes its input. For each image (its size in bytes on a line, then the bytes) it answers with one line of JSON:
`{"pieces": [[left, top, right, bottom, text, confidence], ...]}` or `{"error": sentence}`. It imports no Django.
"""

import importlib
import json
import os
import sys
from typing import Any

# Pixels: larger images are read no better, but with more memory.
LONGEST_SIDE = 1600
LEAST_CONFIDENCE = 0.5
NICENESS = 15


def main() -> int:
    """Read images until there are no more."""
    os.nice(NICENESS)
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    reader = _reader()
    while head := sys.stdin.buffer.readline():
        answers.write(json.dumps(_read(reader, sys.stdin.buffer.read(int(head)))) + "\n")
        answers.flush()
    return 0


def _reader() -> Any:
    """The models of the wheel, on one thread: this is work that has time."""
    return importlib.import_module("rapidocr").RapidOCR(
        params={
            "Global.max_side_len": LONGEST_SIDE, "Global.text_score": LEAST_CONFIDENCE,
            "Global.use_cls": False, "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
        }
    )  # fmt: skip


def _read(reader: Any, image: bytes) -> dict[str, Any]:
    try:
        found = reader(image)
    except (
        Exception
    ) as error:  # whatever the libraries below raise: this page is not readable, the next may be
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    if found.boxes is None or found.txts is None:
        return {"pieces": []}
    return {"pieces": [_piece(*one) for one in zip(found.boxes, found.txts, found.scores, strict=True)]}


def _piece(corners: Any, text: str, score: float) -> list[Any]:
    """The box around four corners, which may be aslant."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return [int(left), int(top), int(right), int(bottom), str(text), round(float(score), 3)]


if __name__ == "__main__":
    sys.exit(main())
