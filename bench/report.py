"""From figures to a table: each target of the design with what was measured beside it, and whether it is met."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Found = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One target: what was measured of each method, how it is judged, and whether it is met."""

    what: str
    naive: str
    ours: str
    limit: str
    target: str
    met: bool


def rows(found: Found) -> Iterator[Row]:
    """The rows of all scenes that were run."""
    for scene, make in _ROWS:
        if scene in found:
            yield from make(found)


def table(found: Found) -> str:
    """All rows as a Markdown table."""
    lines = ["| What | Naive | Sourcebatch | Limit | Target | Met |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.naive} | {row.ours} | {row.limit} | {row.target} | {'yes' if row.met else '**no**'} |"
        for row in rows(found)
    ]
    return "\n".join(lines)


def write(path: Path, about: str, new: str, found: Found) -> None:
    """Put date and table into the report; what people wrote below the line `<!-- end of the run -->` stays."""
    mark = "<!-- end of the run -->"
    old = path.read_text(encoding="utf-8") if path.exists() else f"{mark}\n"
    below = old.partition(mark)[2]
    path.write_text(f"# Benchmarks\n\n{about}\n\n{new}\n\n{_lists(found)}{mark}{below}", encoding="utf-8")


def _rate(one: Found) -> str:
    return f"{one['per_second']:,.0f}/s"


def _both(methods: Found) -> str:
    """Our rate, and the one without the look at each image."""
    return f"{_rate(methods['ours'])} ({_rate(methods['not looking'])} without the look)"


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if one / other < 10 else f"{one / other:.0f}"


def _prepare(found: Found) -> Iterator[Row]:
    naive, ours, limit = (found["prepare"][name] for name in ("naive", "ours", "limit"))
    to_limit, to_naive = ours["per_second"] / limit["per_second"], ours["per_second"] / naive["per_second"]
    yield Row(
        "Prepare, origin 80 ms away, 32 connections", _rate(naive), _both(found["prepare"]),
        f"{_rate(limit)} (`curl --parallel 32`)",
        f">= 0.85 x curl ({to_limit:.2f}), >= 20 x naive ({to_naive:.0f})", to_limit >= 0.85 and to_naive >= 20,
    )  # fmt: skip


def _far(found: Found) -> Iterator[Row]:
    naive, ours, limit = (found["far"][name] for name in ("naive", "ours", "limit"))
    to_naive = ours["per_second"] / naive["per_second"]
    yield Row(
        "Whole pipeline, 80 ms origin, 50 ms Gemini", _rate(naive), _both(found["far"]), _rate(limit),
        f">= 15 x naive ({to_naive:.1f})", to_naive >= 15,
    )  # fmt: skip


def _near(found: Found) -> Iterator[Row]:
    naive, ours, limit = (found["near"][name] for name in ("naive", "ours", "limit"))
    to_naive, to_limit = ours["per_second"] / naive["per_second"], ours["per_second"] / limit["per_second"]
    yield Row(
        "Whole pipeline, no latency", _rate(naive), _both(found["near"]), _rate(limit),
        f">= 4 x naive ({to_naive:.1f}), >= 0.3 x limit ({to_limit:.2f})", to_naive >= 4 and to_limit >= 0.3,
    )  # fmt: skip
    yield Row(
        "CPU a page, whole pipeline", f"{naive['cpu_ms']:.1f} ms",
        f"{ours['cpu_ms']:.1f} ms ({found['near']['not looking']['cpu_ms']:.1f} ms without the look)",
        f"{limit['cpu_ms']:.1f} ms",
        f"<= 1/3 of naive ({_ratio(ours['cpu_ms'], naive['cpu_ms'])})", ours["cpu_ms"] <= naive["cpu_ms"] / 3,
    )  # fmt: skip
    calls = found["near"]["calls"]
    polls = sum(calls.get(name, 0) for name in ("batches_get", "batches_list"))
    pieces = calls.get("upload_chunk", 0)
    others = sum(calls.values()) - polls - pieces
    yield Row(
        "Calls to Gemini for a job", "", f"{others}, {polls} polls, {pieces} pieces of 8 MB of the upload", "",
        "<= 10 and the polls for 1,000 pages", others <= 10,
    )  # fmt: skip


def _line(found: Found) -> Iterator[Row]:
    naive, ours, limit = (found["line"][name]["ms"] for name in ("naive", "ours", "limit"))
    yield Row(
        "One batch line (394 KB JPEG)", f"{naive:.2f} ms", f"{ours:.2f} ms", f"{limit:.2f} ms (write)",
        f"<= 1.5 x write ({ours / limit:.2f})", ours <= 1.5 * limit,
    )  # fmt: skip


def _memory(found: Found) -> Iterator[Row]:
    few, many = found["memory, few"]["mb"], found["memory, many"]["mb"]
    yield Row(
        "Peak RSS of a worker, a small and a ten times larger job", "", f"{few:.0f} and {many:.0f} MB", "",
        f"< 200 MB, <= 1.1 x ({many / few:.2f})", many < 200 and many <= 1.1 * few,
    )  # fmt: skip


def _database(found: Found) -> Iterator[Row]:
    naive, ours = found["database"]["naive"]["bytes"], found["database"]["ours"]["bytes"]
    yield Row(
        "Database bytes a prepared page",
        f"{naive:,.0f}",
        f"{ours:,.0f}",
        "100",
        "<= 300, no payload",
        ours <= 300,
    )


def _upload(found: Found) -> Iterator[Row]:
    naive, ours, limit = (found[f"upload, {name}"] for name in ("naive", "ours", "limit"))
    ratio = ours["mb_per_second"] / limit["mb_per_second"]
    yield Row(
        "Upload of a batch file of 1 GB", f"{naive['mb_per_second']:.0f} MB/s, {naive['grown_mb']:.0f} MB of memory",
        f"{ours['mb_per_second']:.0f} MB/s, {ours['grown_mb']:.0f} MB",
        f"{limit['mb_per_second']:.0f} MB/s (`curl -T`)",
        f">= 0.8 x curl ({ratio:.2f}), memory flat", ratio >= 0.8 and ours["grown_mb"] < 100,
    )  # fmt: skip


def _collect(found: Found) -> Iterator[Row]:
    naive, ours = (found[f"collect, {name}"] for name in ("naive", "ours"))
    yield Row(
        "Fetch and read 1 GB of results", f"{naive['seconds']:.1f} s, {naive['grown_mb']:,.0f} MB of memory",
        f"{ours['seconds']:.1f} s, {ours['grown_mb']:.0f} MB", "",
        f"<= 1/2 of naive ({_ratio(ours['seconds'], naive['seconds'])}), memory flat",
        ours["seconds"] <= naive["seconds"] / 2 and ours["grown_mb"] < 100,
    )  # fmt: skip


def _ingest(name: str) -> Callable[[Found], Iterator[Row]]:
    def make(found: Found) -> Iterator[Row]:
        naive, ours, limit = (found[f"ingest, {name}"][method] for method in ("naive", "ours", "limit"))
        ratio = ours["per_second"] / naive["per_second"]
        yield Row(
            f"Ingest results, {name}", f"{_rate(naive)} (a row at a time)", _rate(ours),
            f"{_rate(limit)} (bare insert)",
            f">= 4 x row at a time ({ratio:.1f})", ratio >= 4,
        )  # fmt: skip

    return make


def _admin(found: Found) -> Iterator[Row]:
    small, large = found["admin, small"], found["admin, large"]
    worst = max(large, key=lambda name: large[name]["ms"] / small[name]["ms"])
    slowest = max(large, key=lambda name: large[name]["query_ms"])
    ratio, query = large[worst]["ms"] / small[worst]["ms"], large[slowest]["query_ms"]
    yield Row(
        "Admin lists over the large library", "",
        f"{large[worst]['ms']:.0f} ms ({worst}), slowest query {query:.0f} ms ({slowest})",
        f"{small[worst]['ms']:.0f} ms over 1,000 pages", f"<= 3 x ({ratio:.1f}), no query over 20 ms",
        ratio <= 3 and query <= 20,
    )  # fmt: skip


def _lists(found: Found) -> str:
    """The admin's lists one by one."""
    if "admin, large" not in found:
        return ""
    small, large = found["admin, small"], found["admin, large"]
    lines = ["| List | 1,000 pages | large library | slowest query |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {small[name]['ms']:.0f} ms | {large[name]['ms']:.0f} ms | {large[name]['query_ms']:.0f} ms |"
        for name in large
    ]
    return "\n".join(lines) + "\n\n"


_ROWS: list[tuple[str, Callable[[Found], Iterator[Row]]]] = [
    ("prepare", _prepare), ("far", _far), ("near", _near), ("line", _line), ("memory, many", _memory),
    ("database", _database), ("upload, limit", _upload), ("collect, ours", _collect),
    ("ingest, SQLite", _ingest("SQLite")), ("ingest, PostgreSQL", _ingest("PostgreSQL")), ("admin, large", _admin),
]  # fmt: skip
