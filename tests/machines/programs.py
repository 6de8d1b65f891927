"""Programs over the site that the machines share, each a process: `python -m tests.machines.programs NAME`."""

import json
import sys
from collections import Counter
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from books.models import PageText  # noqa: E402
from jobs.models import Job  # noqa: E402
from tests.support.library import make_book, order_ocr  # noqa: E402
from tests.torture.check import check_end, check_now  # noqa: E402


def order(books: str, pages: str) -> Any:
    """Books with images in the store and a job for each."""
    made = [make_book(int(pages), title=f"Liber {number}") for number in range(int(books))]
    return [order_ocr(book).pk for book in made]


def seen() -> Any:
    """How many jobs are where, how many texts there are; all that must be true at every moment is."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Others write meanwhile: this is to be one moment.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        check_now()
        return {
            "jobs": Counter(Job.objects.values_list("status", flat=True)),
            "texts": PageText.objects.count(),
        }


def ended() -> Any:
    """The same, and all that must be true when everything is done."""
    check_end(None)
    return seen()


if __name__ == "__main__":
    print(json.dumps({one.__name__: one for one in (order, seen, ended)}[sys.argv[1]](*sys.argv[2:])))
