from django.db import migrations, models
from django.db.models import Q

from sourcebatch.lib.migrations import AddIndexQuietly


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("books", "0011_texts_found_by_request"),
    ]

    operations = [
        AddIndexQuietly(
            model_name="page",
            index=models.Index(condition=Q(("hidden", True)), fields=["book", "number"], name="pages_hidden"),
        ),
    ]
