"""Security is looked at from outside: whole requests, real roles, real tokens, a local Gemini, real image servers."""

from tests.jobs.conftest import local
from tests.support.localgemini import gemini, gemini_process
from tests.support.origin import origin

__all__ = ["gemini", "gemini_process", "local", "origin"]
