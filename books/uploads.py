"""Uploads go to disk piece by piece; what is larger than UPLOAD_MAX_BYTES is not even written there."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

_TOO_LARGE = "sourcebatch.upload_too_large"


class Limited(FileUploadHandler):
    """Stands before Django's own handlers and skips the files of a request that is too large.

    The other fields of the form still arrive, so that its view can say what happened.
    """

    too_large = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Look at the announced size, before anything is read."""
        self.too_large = content_length > settings.UPLOAD_MAX_BYTES
        if self.too_large and self.request is not None:
            self.request.META[_TOO_LARGE] = True

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Skip the file, or leave it to the next handler."""
        super().new_file(*args, **kwargs)
        if self.too_large:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand on to the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler has it."""


def was_too_large(request: HttpRequest) -> bool:
    """Whether files of this request were skipped. Ask after its form was read."""
    return bool(request.META.get(_TOO_LARGE))
