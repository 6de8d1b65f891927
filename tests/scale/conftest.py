"""The local Gemini of the job tests."""

from tests.jobs.conftest import gemini, gemini_process, local

__all__ = ["gemini", "gemini_process", "local"]
