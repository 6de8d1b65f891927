"""Which pages some job has given up, noted a thousand at a time; every thousand is a transaction of its own."""

from django.db import migrations

CHUNK = 1000


def find(apps, schema_editor):
    """Those with a failed row in the ledger of any job."""
    alias = schema_editor.connection.alias
    rows = apps.get_model("jobs", "JobPage").objects.using(alias).filter(state="failed").order_by()
    pages = apps.get_model("books", "Page").objects.using(alias)
    ids = sorted(set(rows.values_list("page_id", flat=True).iterator()))
    for start in range(0, len(ids), CHUNK):
        pages.filter(pk__in=ids[start : start + CHUNK]).update(failed=True)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("books", "0014_telling_pages_found"),
        ("jobs", "0007_batches_know_their_tokens"),
    ]

    operations = [migrations.RunPython(find, migrations.RunPython.noop)]
