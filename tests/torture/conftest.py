"""A local Gemini for the tests of this folder that run in this process."""

from tests.jobs.conftest import gemini, gemini_process, local

__all__ = ["gemini", "gemini_process", "local"]
