"""`manage.py send_alarms`: what the schedule does, for a cron that watches over the worker too."""

from typing import Any

from django.core.management.base import BaseCommand

from sourcebatch.alarms import send_alarms


class Command(BaseCommand):
    """Quiet when there is nothing new."""

    help = "Send a digest of what is wrong to ALARM_EMAILS and ALARM_WEBHOOK_URL, if anything is new."

    def handle(self, *args: Any, **options: Any) -> None:
        if send_alarms().get("digests"):
            self.stdout.write("A digest was sent.")
