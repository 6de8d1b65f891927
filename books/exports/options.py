"""What a request may choose of an export, read strictly; and where this installation is reached."""

from typing import Annotated, Literal

from django.conf import settings
from pydantic import Field

from books.api_shapes import Language
from books.exports.base import Options
from sourcebatch.lib.http import Query


class ExportQuery(Query):
    """Which texts go into an export, and how they are laid out."""

    text: Annotated[
        Literal["both", "transcription", "translation"], Field(description="which kinds of text")
    ] = "both"
    language: Annotated[Language, Field(description="translations into this language only; empty: all")] = ""
    reviewed: Annotated[bool, Field(description="only texts that a person wrote, corrected or reviewed")] = (
        False
    )
    layout: Annotated[
        Literal["facing", "interleaved"], Field(description="a translation beside its original, or after it")
    ] = "facing"

    def options(self, *, fetch: bool, address: str = "") -> Options:
        """For exporters. `fetch`: whether page images that are not stored here may be fetched."""
        return Options(
            text=self.text, language=self.language, reviewed=self.reviewed, layout=self.layout, fetch=fetch,
            address=address or site_address(),
        )  # fmt: skip


def site_address() -> str:
    """Where readers reach this installation, from the settings: `https://books.example.org`, no slash at the end."""
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if "*" not in origin:
            return str(origin).rstrip("/")
    for host in settings.ALLOWED_HOSTS:
        if host not in ("localhost", "127.0.0.1", "[::1]") and not host.startswith((".", "*")):
            return f"https://{host}"
    return "http://localhost:8000"
