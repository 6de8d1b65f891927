"""Which translations are stale, worked out a thousand at a time; every thousand is a transaction of its own."""

from django.db import migrations, models

from sourcebatch.lib.migrations import AddIndexQuietly

CHUNK = 1000


def find(apps, schema_editor):
    """Those whose page has another transcription than they were made from."""
    texts = apps.get_model("books", "PageText").objects.using(schema_editor.connection.alias)
    current = texts.filter(is_current=True)
    last = ""
    while True:
        translations = current.filter(kind="translation", pk__gt=last).exclude(based_on="").order_by("pk")
        chunk = list(translations.values_list("pk", "page_id", "based_on")[:CHUNK])
        if not chunk:
            return
        pages = {page_id for _, page_id, _ in chunk}
        sources = current.filter(kind="ocr", page_id__in=pages)
        hashes = dict(sources.values_list("page_id", "text_sha256"))
        stale = [pk for pk, page_id, based_on in chunk if hashes.get(page_id, based_on) != based_on]
        if stale:
            texts.filter(pk__in=stale).update(is_stale=True)
        last = chunk[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("books", "0006_texts_know_if_stale"),
    ]

    operations = [
        migrations.RunPython(find, migrations.RunPython.noop),
        AddIndexQuietly(
            model_name="pagetext",
            index=models.Index(
                condition=models.Q(("is_current", True), ("is_stale", True)), fields=["page"],
                name="page_texts_stale",
            ),
        ),
    ]
