"""The ASGI application, for those who serve Django that way."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
application = get_asgi_application()
