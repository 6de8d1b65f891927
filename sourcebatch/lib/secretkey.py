"""A secret key for a first run: made once, kept beside the database, readable by its owner alone."""

import os
import secrets
from pathlib import Path


def kept_secret_key(folder: Path) -> str:
    """The key in `folder/secret_key`, made there on first use; safe when several processes start at once."""
    path = folder / "secret_key"
    if not path.exists():
        draft = folder / f".secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            # Another process was first; its key is the one.
            return path.read_text(encoding="ascii")
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")
