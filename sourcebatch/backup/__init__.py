"""Back-up and restore: the database and the files of one installation in one tar, taken while everything runs."""

from sourcebatch.backup.archive import BackupError
from sourcebatch.backup.restoring import Restored, restore
from sourcebatch.backup.taking import Taken, take

__all__ = ["BackupError", "Restored", "Taken", "restore", "take"]
