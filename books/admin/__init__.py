"""The library's rooms in the admin: books, pages, tokens for scripts."""

from books.admin import book_list, page_list, tokens

__all__ = ["book_list", "page_list", "tokens"]
