from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_prepared_with_a_glossary"),
    ]

    operations = [
        migrations.AddField(
            model_name="batchpreparation",
            name="request_hash",
            field=models.CharField(blank=True, max_length=32),
        ),
    ]
