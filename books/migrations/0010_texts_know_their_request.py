from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0009_glossaries"),
    ]

    operations = [
        migrations.AddField(
            model_name="pagetext",
            name="request_hash",
            field=models.CharField(blank=True, max_length=32),
        ),
    ]
