"""Which pages are flagged or edited, worked out a thousand texts at a time; every thousand is a transaction of its own."""

from django.db import migrations, models
from django.db.models import Q

from books.suspicion import points_of
from sourcebatch.lib.migrations import AddIndexQuietly, counted

CHUNK = 1000


def find(apps, schema_editor):
    """Add up the points of the flagged texts page by page; note what people wrote."""
    alias = schema_editor.connection.alias
    texts, pages = (apps.get_model("books", name).objects.using(alias) for name in ("PageText", "Page"))
    current = texts.filter(is_current=True)
    points = {}
    for page_id, flags in (
        current.filter(is_flagged=True).order_by().values_list("page_id", "flags").iterator()
    ):
        points[page_id] = points.get(page_id, 0) + points_of(flags)
    for sum_ in sorted(set(points.values())):
        _note(pages, [pk for pk, own in points.items() if own == sum_], flagged=True, suspicion=sum_)
    by_hand = current.filter(source="human").order_by().values_list("page_id", flat=True)
    _note(pages, list(by_hand.iterator()), edited=True)


def _note(pages, ids, **values):
    for start in range(0, len(ids), CHUNK):
        pages.filter(pk__in=ids[start : start + CHUNK]).update(**values)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("books", "0013_pages_tell_of_their_texts"),
    ]

    operations = [
        migrations.RunPython(find, migrations.RunPython.noop),
        AddIndexQuietly(
            model_name="page",
            index=models.Index(
                condition=Q(("flagged", True)), fields=["-book", "number"], name="pages_flagged"
            ),
        ),
        AddIndexQuietly(
            model_name="page",
            index=models.Index(
                condition=Q(("edited", True)), fields=["-book", "number"], name="pages_edited"
            ),
        ),
        AddIndexQuietly(
            model_name="page",
            index=models.Index(
                condition=Q(("failed", True)), fields=["-book", "number"], name="pages_failed"
            ),
        ),
        AddIndexQuietly(
            model_name="page",
            index=models.Index(
                condition=Q(("flagged", True), ("hidden", False)),
                fields=["-suspicion", "-book", "number"],
                name="pages_worst_first",
            ),
        ),
        migrations.RunPython(counted("pages"), migrations.RunPython.noop),
    ]
