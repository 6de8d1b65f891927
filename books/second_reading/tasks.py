"""What django-q2 calls: a bounded look over what is new in the library. It may run twice at once or be killed."""

from django.conf import settings

from books.second_reading import run
from books.tasks import waiting


def look_over() -> str:
    """Second readings for up to SECOND_READING_SECONDS, as long as no other task waits for a worker."""
    over = run.until(settings.SECOND_READING_SECONDS)
    return run.library(lambda: over() or waiting() > 0)
