"""Back-ups are taken of real databases and real files, with a local Gemini and image servers around them."""

from tests.jobs.conftest import local
from tests.support.localgemini import gemini, gemini_process
from tests.support.origin import origin

__all__ = ["gemini", "gemini_process", "local", "origin"]
