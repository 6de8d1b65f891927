"""`manage.py export_library PLACE`: the whole library into a ZIP or a folder, to keep or to move."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.exports.library import library_record
from books.exports.zipping import Entry, zipped


class Command(BaseCommand):
    """`import_library` reads what this writes."""

    help = "Write books, pages, every version of their texts and stored images into a ZIP or a new folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "place", type=Path, help="a path that ends in .zip, or a folder that is not there yet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place: Path = options["place"]
        if place.exists():
            raise CommandError(f"{place} is there already: give a place that is not.")
        part = place.with_name(f"{place.name}.part")
        try:
            self._zip(part) if place.suffix == ".zip" else self._folder(part)
            part.rename(place)
        except OSError as error:
            raise CommandError(
                f"{place} cannot be written ({error.strerror}): choose another place."
            ) from error
        self.stdout.write(f"Written: {place}")

    def _zip(self, path: Path) -> None:
        with path.open("wb") as file, tqdm(unit="B", unit_scale=True, disable=None) as bar:
            for piece in zipped(library_record()):
                file.write(piece)
                bar.update(len(piece))

    def _folder(self, folder: Path) -> None:
        for entry in tqdm(library_record(), unit="file", disable=None):
            _save(folder, entry)


def _save(folder: Path, entry: Entry) -> None:
    path = (folder / entry.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise CommandError(
            f"A page names an image outside of the file storage, {entry.path!r}: mend that page first."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(entry.pieces)
