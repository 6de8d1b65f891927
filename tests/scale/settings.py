"""The product's settings for a web server and a worker in processes of their own; styles as they lie in static/."""

from sourcebatch.settings import STORAGES as PRODUCT_STORAGES
from tests.torture.settings import *  # noqa: F403
from tests.torture.settings import DATA_DIR

STORAGES = PRODUCT_STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
