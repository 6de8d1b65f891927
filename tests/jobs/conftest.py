"""Tests of the lifecycle talk to a local Gemini."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from jobs import gemini as gemini_module
from tests.support.localgemini import LocalGemini, gemini, gemini_ocr, gemini_ocr_process, gemini_process
from tests.support.origin import origin

__all__ = ["gemini", "gemini_ocr", "gemini_ocr_process", "gemini_process", "local", "origin"]


@pytest.fixture
def local(gemini: LocalGemini, settings: Settings) -> Iterator[LocalGemini]:
    """A local Gemini that answers at once, and settings that point at it."""
    settings.GEMINI_BASE_URL = gemini.url
    settings.GEMINI_API_KEY = gemini.key
    yield gemini
    gemini_module.close()
