from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0005_texts_name_their_maker"),
    ]

    operations = [
        migrations.AddField(
            model_name="pagetext",
            name="is_stale",
            field=models.BooleanField(default=False),
        ),
    ]
