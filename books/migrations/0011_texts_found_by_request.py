from django.db import migrations, models

from sourcebatch.lib.migrations import AddIndexQuietly


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("books", "0010_texts_know_their_request"),
    ]

    operations = [
        AddIndexQuietly(
            model_name="pagetext",
            index=models.Index(fields=["request_hash"], name="page_texts_request"),
        ),
    ]
