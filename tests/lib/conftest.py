"""Fixtures of the ground floor's tests."""

from tests.support.origin import origin

__all__ = ["origin"]
