"""`manage.py restore FILE.tar`: an installation as it was when the back-up was taken."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sourcebatch.backup import BackupError, Restored, restore
from sourcebatch.lib.adminlog import Actor, record_whole


class Command(BaseCommand):
    """Refuses to replace books that are there, unless told so."""

    help = "Put a back-up into this installation. Stop web and worker first."
    # The tables may be of another version, or not there at all.
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a tar file made by `manage.py backup`")
        parser.add_argument("--force", action="store_true", help="replace the books that are here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = restore(options["file"], force=options["force"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        record_whole(Actor("restore"), f"Restored the state of {report.made_at}")
        self.stdout.write(f"Restored the state of {report.made_at}: database and {report.files} files.")
        self._warn(report)

    def _warn(self, report: Restored) -> None:
        for name in report.missing:
            self.stderr.write(f"{name} was missing when the back-up was taken.")
        if report.unknown:
            names = ", ".join(report.unknown)
            self.stderr.write(f"Sent to Gemini after the back-up and unknown here: {names}.")
        if report.unasked:
            self.stderr.write(f"Gemini could not be asked what was sent after the back-up: {report.unasked}")
        if report.paused:
            self.stderr.write(
                f"{report.paused} jobs are paused, so that nothing is sent and paid twice: look at these batches, then "
                "resume the jobs with `manage.py job resume ID` or in the admin."
            )
