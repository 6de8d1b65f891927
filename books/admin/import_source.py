"""What was handed in waits in file storage between the look and the import, so that both see the same bytes."""

import datetime as dt
import secrets
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, Any, cast

from django import forms
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books import languages
from books.importers import Given, ImportRefused, fetched, read
from sourcebatch.lib.storage import has

FOLDER = "imports"
KEPT = dt.timedelta(days=1)
MAX_FILES = 2000
Waiting = dict[str, str]


class SeveralFiles(forms.ClearableFileInput):
    """A field for one file or many."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Gives a list of uploads; empty without any."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list["UploadedFile[Any]"]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(one, initial) for one in given if one]


class SourceForm(forms.Form):
    """Where the book is: an address or files."""

    url = forms.CharField(
        label=_("Address of a IIIF manifest"), required=False, max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
        help_text=_("Or of a collection, a METS file, or a book's page at archive.org."),
    )  # fmt: skip
    file = FilesField(
        label=_("or a file"), required=False,
        help_text=_(
            "A manifest, a PDF, a TIFF of many pages, a table of addresses (CSV, XLSX), page images in a ZIP "
            "archive; or the page images themselves, several at once."
        ),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned.get("url")) == bool(cleaned.get("file")):
            raise forms.ValidationError(_("Give an address or choose a file, one of the two."))
        return cleaned


class CorrectionForm(forms.Form):
    """What a person knows better than the source: title, author and language of the one book that is looked at.

    What is left as it was found is no correction, so later imports may still change it.
    """

    title = forms.CharField(label=_("Title"), required=False, max_length=2000, show_hidden_initial=True)
    author = forms.CharField(label=_("Author"), required=False, max_length=2000, show_hidden_initial=True)
    language = forms.CharField(
        label=_("Language"), required=False, max_length=60, show_hidden_initial=True,
        help_text=_("Name or ISO 639 code, such as Latin or la. Empty: unknown; the model finds out."),
    )  # fmt: skip

    def clean_language(self) -> str:
        try:
            return languages.normalise(self.cleaned_data["language"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def corrections(self) -> dict[str, str]:
        """What was changed, by field; of a valid form."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


def too_large() -> ImportRefused:
    """For uploads that were not even read."""
    return ImportRefused(
        gettext("The upload is larger than %s GB: import it in parts, or by the command import_book.")
        % (settings.UPLOAD_MAX_BYTES // 1_000_000_000)
    )


def keep(form: SourceForm) -> Waiting:
    """Keep what was handed in until it is imported, if it is something that can be. Raises ImportRefused."""
    with _handed_in(form) as given:
        next(iter(read(given)), None)
        given.file.seek(0)
        sweep()
        # An upload that lies on the disk is moved, anything else is copied in pieces.
        content = given.file if isinstance(given.file, UploadedFile) else File(given.file)
        stored = default_storage.save(f"{FOLDER}/{secrets.token_hex(16)}", content)
    return {"stored": stored, "name": given.name, "url": given.url}


@contextmanager
def _handed_in(form: SourceForm) -> Iterator[Given]:
    """What the form brought, open."""
    url, files = form.cleaned_data["url"], form.cleaned_data["file"]
    if url:
        yield fetched(url)
    elif len(files) == 1:
        yield Given(name=files[0].name or "", file=files[0])
    elif len(files) > MAX_FILES:
        raise ImportRefused(
            gettext("These are more than %s files: pack them into a ZIP archive.") % MAX_FILES
        )
    else:
        with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
            _pack(files, out)
            yield Given(name=PurePath(files[0].name or "").stem + ".zip", file=out)


def _pack(files: Sequence["UploadedFile[Any]"], out: IO[bytes]) -> None:
    """Several files as one archive, without compression: images do not shrink."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number, upload in enumerate(files, 1):
            name = PurePath(upload.name or "").name or str(number)
            taken = name in archive.namelist()
            with archive.open(f"{number}-{name}" if taken else name, "w", force_zip64=True) as member:
                for piece in upload.chunks():
                    member.write(piece)
    out.seek(0)


@contextmanager
def given(waiting: Waiting) -> Iterator[Given]:
    """What waits, open. Raises ImportRefused when it is no longer there."""
    try:
        file = default_storage.open(waiting["stored"], "rb")
    except OSError:
        raise ImportRefused(gettext("What you handed in is no longer here: please give it again.")) from None
    with file:
        yield Given(name=waiting["name"], url=waiting["url"], file=cast(Any, file))


def size(waiting: Waiting) -> int:
    """Bytes of what waits; 0 when it is gone."""
    try:
        return int(default_storage.size(waiting["stored"]))
    except OSError:
        return 0


def forget(waiting: Waiting) -> None:
    """It was imported."""
    default_storage.delete(waiting["stored"])


def sweep() -> None:
    """Forget what people looked at and never imported."""
    if not has(default_storage, FOLDER):
        return
    for name in default_storage.listdir(FOLDER)[1]:
        path = f"{FOLDER}/{name}"
        if default_storage.get_modified_time(path) < timezone.now() - KEPT:
            default_storage.delete(path)
