import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0011_texts_found_by_request"),
        ("jobs", "0005_pages_wait_for_their_library"),
    ]

    operations = [
        migrations.AlterField(
            model_name="batchpreparation",
            name="job",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="preparations",
                to="jobs.job",
            ),
        ),
        migrations.AlterField(
            model_name="batchpreparation",
            name="page",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.page"
            ),
        ),
    ]
