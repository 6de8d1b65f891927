"""Fixtures of the tests of the whole way in: a library's server, and a local Gemini for a job."""

from tests.jobs.conftest import gemini, gemini_process, local, origin

__all__ = ["gemini", "gemini_process", "local", "origin"]
