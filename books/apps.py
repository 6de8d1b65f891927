"""The library: books, their pages and texts."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BooksConfig(AppConfig):
    """Knows nothing of Gemini or jobs."""

    name = "books"
    verbose_name = _("Library")

    def ready(self) -> None:
        from books.sentences import STORED
        from sourcebatch.lib.sentences import know

        know(STORED)
