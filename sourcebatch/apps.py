"""The wiring."""

from django.apps import AppConfig


class SourcebatchConfig(AppConfig):
    """Holds no models: only system checks and the dashboard."""

    name = "sourcebatch"
    verbose_name = "Sourcebatch"

    def ready(self) -> None:
        from sourcebatch import checks

        checks.register_all()
