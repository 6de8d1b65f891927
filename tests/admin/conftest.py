"""Fixtures of the admin's tests: people with roles, and a local Gemini for those jobs that run."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.jobs.conftest import local
from tests.support.browser import person
from tests.support.localgemini import gemini, gemini_process
from tests.support.origin import origin

__all__ = ["gemini", "gemini_process", "local", "origin"]


@pytest.fixture
def as_role(client: Client, db: None) -> Callable[[str], Client]:
    """Log a person of this role in: Viewer, Editor, Operator, Administrator or superuser."""

    def log_in(role: str) -> Client:
        client.force_login(person(role))
        return client

    return log_in


@pytest.fixture
def operator(as_role: Callable[[str], Client]) -> Client:
    """Somebody who may spend money."""
    return as_role("Operator")


@pytest.fixture
def boss(as_role: Callable[[str], Client]) -> Client:
    """Somebody who may do everything."""
    return as_role("superuser")
