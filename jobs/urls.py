"""Addresses of the jobs' part of the JSON API, without slashes at the end."""

from jobs import api
from sourcebatch.lib.http import route

urlpatterns = [
    route("jobs", get=api.list_jobs, post=api.create_job),
    route("jobs/<str:job_id>", get=api.show_job),
    route("jobs/<str:job_id>/pages", get=api.list_job_pages),
    route("jobs/<str:job_id>/process", post=api.process_job),
    route("jobs/<str:job_id>/cancel", post=api.cancel_job),
    route("jobs/<str:job_id>/reset", post=api.reset_job),
    route("jobs/<str:job_id>/retry", post=api.retry_job),
    route("jobs/<str:job_id>/pause", post=api.pause_job),
    route("jobs/<str:job_id>/resume", post=api.resume_job),
    route("batch-jobs", get=api.list_batch_jobs),
    route("process/ocr", post=api.ocr_now),
    route("process/translate", post=api.translate_now),
]
