"""How long everything in a large library takes: `DATA_DIR=... python -m tests.scale.measure`, with a local Gemini.

Prints a Markdown table of the looks of `rooms`, slowest query first: the median of three looks in milliseconds, and the
slowest query of one, run again by itself. Changes nothing but the session it logs in with.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings


def measured(do: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Measure what is named, or everything; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="looks whose name contains this")
    parser.add_argument("--slowest", type=int, default=0, help="only so many rows of the table")
    wanted = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    # Styles as they lie in static/: nobody needs to have collected them.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    django.setup()
    from django.contrib.auth.models import User
    from django.core.cache import cache
    from django.db import connections
    from django.test import Client
    from django.test.utils import setup_test_environment

    from sourcebatch.lib.db import library_alias
    from tests.scale import rooms
    from tests.support.localgemini import LocalGemini

    def query_ms(query: rooms.Asked) -> float:
        with connections[library_alias()].cursor() as cursor:
            return measured(lambda: (cursor.execute(query.sql, query.params), cursor.fetchall()))

    setup_test_environment(debug=False)
    with tempfile.TemporaryDirectory() as folder:
        gemini = LocalGemini(Path(folder) / "gemini").start()
        settings.GEMINI_BASE_URL, settings.GEMINI_API_KEY = gemini.url, gemini.key
        boss, _ = User.objects.get_or_create(
            username="measurer", defaults={"is_staff": True, "is_superuser": True}
        )
        client = Client()
        client.force_login(boss)
        rows = []
        for look in rooms.looks(client):
            if wanted.only not in look.name:
                continue
            cache.clear()
            queries = rooms.asked(look.do)
            whole = statistics.median(measured(look.do) for _ in range(3))
            slowest = max((query_ms(query) for query in queries), default=0.0)
            rows.append((slowest, whole, len(queries), look.name))
            sys.stderr.write(f"{look.name}: {whole:.0f} ms, slowest query {slowest:.0f} ms\n")
        gemini.stop()
    print("| | look, ms | queries | slowest query, ms |\n|---|---|---|---|")
    for slowest, whole, count, name in sorted(rows, reverse=True)[: wanted.slowest or None]:
        print(f"| {name.replace('|', '/')} | {whole:.0f} | {count} | {slowest:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
