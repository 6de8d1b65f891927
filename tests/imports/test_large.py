"""Large books come in quickly, twice without a change, and nothing is fetched for it but the manifest."""

import time

import pytest

from books.importers import fetched
from books.importers.intake import take_in
from books.models import Page
from sourcebatch.lib.adminlog import Actor
from tests.books.importers.test_writer import manifest
from tests.support.origin import Answer, Origin

ANN = Actor("ann", "admin")
SECONDS = 3.0


@pytest.mark.django_db
def test_900_canvases_come_in_within_three_seconds_and_again_without_a_change(origin: Origin) -> None:
    origin.answers["/big.json"] = Answer(manifest(900))
    # Time of the processor: other work on the same machine says nothing about this one.
    start = time.process_time()
    (report,) = take_in(fetched(f"{origin.url}/big.json"), actor=ANN)
    assert time.process_time() - start < SECONDS
    assert report.added == 900
    rows = list(Page.objects.order_by("number").values())
    (again,) = take_in(fetched(f"{origin.url}/big.json"), actor=ANN)
    assert (again.unchanged, again.added, again.updated) == (900, 0, 0)
    assert list(Page.objects.order_by("number").values()) == rows
    assert dict(origin.requests) == {"/big.json": 2}
