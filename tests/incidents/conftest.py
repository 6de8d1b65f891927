"""Incidents are driven through the whole product: real rows, the real SDK, a local Gemini, a hostile origin."""

from tests.jobs.conftest import gemini, gemini_ocr, gemini_ocr_process, gemini_process, local
from tests.support.origin import origin

__all__ = ["gemini", "gemini_ocr", "gemini_ocr_process", "gemini_process", "local", "origin"]
