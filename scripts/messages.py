"""`make messages`: gather the strings that are marked for translation into locale/, then compile all catalogues.

New strings come in untranslated and changed ones are guessed (`fuzzy`): translate them by hand in the .po files and
run it again. tests/i18n says what is missing. Strings of django-unfold are in locale_unfold/ and are kept by hand.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = [".venv", "data", "docs", "localgemini", "scripts", "staticfiles", "tests", "var"]


def main() -> int:
    """0 when done; gettext's programs are needed for this, not for running or testing."""
    if not shutil.which("xgettext"):
        sys.exit("There is no gettext here: apt-get install gettext (Debian, Ubuntu), then try again.")
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command(
        "makemessages", locale=["de", "fr"], no_wrap=True, no_obsolete=True, add_location="file",
        ignore_patterns=NOT_OURS,
    )  # fmt: skip
    call_command("compilemessages", locale=["de", "en", "fr"], ignore_patterns=NOT_OURS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
