from django.db import migrations, models

from sourcebatch.lib.migrations import AddFlagQuietly


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0012_hidden_pages_found"),
    ]

    operations = [
        AddFlagQuietly(
            model_name="page",
            name="flagged",
            field=models.BooleanField(default=False, editable=False),
        ),
        AddFlagQuietly(
            model_name="page",
            name="suspicion",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        AddFlagQuietly(
            model_name="page",
            name="edited",
            field=models.BooleanField(default=False, editable=False),
        ),
        AddFlagQuietly(
            model_name="page",
            name="failed",
            field=models.BooleanField(default=False, editable=False),
        ),
    ]
