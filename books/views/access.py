"""Who may see what: staff with the permission, everybody for public books."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from books.models import Book, Page

View = Callable[..., HttpResponseBase]


def staff(*permissions: str) -> Callable[[View], View]:
    """For members of staff with these permissions; others are sent to the login, or told 403."""

    def wrap(view: View) -> View:
        allowed = permission_required(permissions, raise_exception=True)(view)
        return staff_member_required(allowed, login_url="admin:login")

    return wrap


def is_public(page: Page) -> bool:
    """Whether everybody may see this page."""
    return page.book.is_public and not page.book.hidden and not page.hidden


def seen_page(request: HttpRequest, page_id: str) -> Page:
    """The page if this visitor may see it; otherwise 404, as if there were none."""
    page = get_object_or_404(Page.objects.select_related("book"), pk=page_id)
    if is_public(page) or _may_see(request.user):
        return page
    raise Http404


def public_book(book_id: str) -> Book:
    """A public book; any other is 404."""
    return get_object_or_404(Book.objects.visible(), pk=book_id, is_public=True)


def _may_see(user: Any) -> bool:
    return bool(user.is_active and user.is_staff and user.has_perm("books.view_page"))
