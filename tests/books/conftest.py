"""Fixtures of the library's tests."""

from tests.support.origin import origin

__all__ = ["origin"]
