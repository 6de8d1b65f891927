import django.db.models.deletion
from django.db import migrations, models

import sourcebatch.lib.clock
import sourcebatch.lib.ids


class Migration(migrations.Migration):
    """What a local engine read of each page, and when each book was last looked over."""

    dependencies = [
        ("books", "0007_stale_texts_found"),
    ]

    operations = [
        migrations.CreateModel(
            name="SecondReading",
            fields=[
                ("id", models.CharField(db_column="_id", default=sourcebatch.lib.ids.new_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ("engine", models.CharField(max_length=60, verbose_name="engine")),
                ("image_sha256", models.CharField(blank=True, max_length=64)),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("lines", models.JSONField(blank=True, default=list)),
                ("confidence", models.FloatField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("text_id", models.CharField(blank=True, max_length=40)),
                ("disagreement", models.FloatField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=sourcebatch.lib.clock.now)),
                ("book", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="books.book")),
                ("page", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="second_reading", to="books.page")),
            ],
            options={
                "verbose_name": "second reading",
                "verbose_name_plural": "second readings",
                "db_table": "second_readings",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Inspection",
            fields=[
                ("id", models.CharField(db_column="_id", default=sourcebatch.lib.ids.new_id, editable=False, max_length=40, primary_key=True, serialize=False)),
                ("texts_at", models.DateTimeField(null=True)),
                ("readings_at", models.DateTimeField(null=True)),
                ("book", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="inspection", to="books.book")),
            ],
            options={
                "verbose_name": "inspection",
                "verbose_name_plural": "inspections",
                "db_table": "inspections",
                "ordering": ["id"],
            },
        ),
    ]
