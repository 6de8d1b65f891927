"""Addresses of page images, the reading room, the review queue and the public pages."""

from django.urls import path, re_path

from books.views import exports, images, public, public_search, review, room, search

urlpatterns = [
    path("pages/<slug:page_id>/image", images.image, name="page-image"),
    path("pages/<slug:page_id>/thumbnail", images.thumbnail, name="page-thumbnail"),
    path("read/", room.go, name="reading-go"),
    path("read/texts/<slug:text_id>/", room.version, name="reading-version"),
    re_path(
        rf"^read/texts/(?P<text_id>[-\w]+)/(?P<verb>{'|'.join(room.VERBS)})$", room.act, name="reading-act"
    ),
    path("read/<slug:page_id>/", room.room, name="reading-room"),
    path("read/<slug:page_id>/save", room.save, name="reading-save"),
    path("search/", search.search_page, name="search"),
    path("review/", review.queue, name="review-queue"),
    path("review/samples/", review.samples, name="review-samples"),
    path("review/samples/<slug:draw>/", review.sample, name="review-sample"),
    path("library/", public.library, name="library"),
    path("library/search/", public_search.library_search, name="library-search"),
    path("library/<slug:book_id>/", public.book, name="library-book"),
    path("library/<slug:book_id>/search/", public_search.book_search, name="library-book-search"),
    path("library/<slug:book_id>/export/", exports.public, name="library-export"),
    path("library/<slug:book_id>/export/<slug:name>", exports.public_file, name="library-export-file"),
    path("library/<slug:book_id>/<int:number>/", public.page, name="library-page"),
]
