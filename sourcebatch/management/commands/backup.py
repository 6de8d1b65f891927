"""`manage.py backup FILE.tar`: database and files in one tar, taken while everything runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sourcebatch.backup import BackupError, take


class Command(BaseCommand):
    """Says how much is in it, and which files the database names that were nowhere."""

    help = "Write database and files to a tar file, while web and worker run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the tar file to write; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            taken = take(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{taken.files} files, {taken.bytes / 1e6:.1f} MB in all: {options['file']}")
        for name in taken.missing:
            self.stderr.write(
                f"The database names {name}, which is not in file storage: see check_library --files."
            )
