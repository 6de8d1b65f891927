"""Files at Gemini: gone when the results are safe, whatever Gemini says to their deletion."""

import pytest
from pytest_django.fixtures import Settings

from jobs import gemini, lifecycle
from jobs.models import GeminiBatch, Stage
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def test_it_survives_result_files_that_gemini_will_not_delete(local: LocalGemini) -> None:
    local.settings(refuse_long_names=True)
    job = order_ocr(make_book(12))
    run(job)
    assert job.status == "completed"
    assert job.batches.get().stage == Stage.CLOSED


def test_it_deletes_later_what_it_could_not_delete_at_once(local: LocalGemini) -> None:
    local.fault("endpoint", endpoint="files_delete", do="error", code=503, times=3)
    job = order_ocr(make_book(12))
    run(job)
    assert job.batches.get().stage == Stage.COLLECTED
    assert local.files()
    lifecycle.sweep(TESTER)
    assert local.files() == []
    assert GeminiBatch.objects.get().stage == Stage.CLOSED


def test_a_wrong_key_does_not_make_files_look_deleted(local: LocalGemini, settings: Settings) -> None:
    local.settings(accepted_keys=[local.key])
    settings.GEMINI_API_KEY = "another"
    with pytest.raises(gemini.KeyRefused):
        gemini.delete_file("files/sb-unheard")
