"""Addresses of the library's part of the JSON API, without slashes at the end."""

from books.api import list_books, save_book, show_book
from books.api_exports import export_book
from books.api_glossary import save_glossary, show_glossary
from books.api_import import import_book
from sourcebatch.lib.http import route

urlpatterns = [
    route("books", get=list_books, post=save_book),
    route("books/import", post=import_book),
    route("books/<str:book_id>", get=show_book),
    route("books/<str:book_id>/glossary", get=show_glossary, put=save_glossary),
    route("books/<str:book_id>/export/<str:format>", get=export_book),
]
