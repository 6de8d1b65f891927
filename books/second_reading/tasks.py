"""What django-q2 calls: a bounded look over what is new in the library. It may run twice at once or be killed."""

from django.conf import settings

from books import looking_over
from books.second_reading import run
from books.tasks import waiting

# Of the seconds of a run, the share that books as a whole may take before pages are read.
FOR_BOOKS = 0.5


def look_over() -> str:
    """Up to SECOND_READING_SECONDS of looking over books and of second readings, as long as no other task waits."""
    seconds = settings.SECOND_READING_SECONDS
    books, over = run.until(FOR_BOOKS * seconds), run.until(seconds)
    return f"{looking_over.library(books)} {run.library(lambda: over() or waiting() > 0)}"
