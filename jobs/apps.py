"""The work: jobs, their ledger, the batches at Gemini, what they cost."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    """Fills fresh databases after migrating, and hands new work to a worker at once."""

    name = "jobs"
    verbose_name = _("Work")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from jobs import sentences, setup, tasks
        from jobs.lifecycle.signals import job_ready
        from sourcebatch.lib.sentences import know

        post_migrate.connect(setup.after_migrate, sender=self)
        know(sentences.STORED)
        job_ready.connect(tasks.kick_when_ready, dispatch_uid="kick")
