"""What a local engine read of a page, and when each book was last looked over."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from sourcebatch.lib.clock import now
from sourcebatch.lib.ids import new_id


class SecondReading(models.Model):
    """A local engine's reading of one page's image; a page has one, a new image replaces it.

    `lines` are `[left, top, right, bottom, text, confidence]` in the order of reading, in whole pixels of the image
    that was read (`width` x `height`), confidence from 0 to 1. `error` says why there are none: it keeps an image that
    cannot be read from being tried again and again.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_id, editable=False, db_column="_id")
    page = models.OneToOneField("books.Page", on_delete=models.CASCADE, related_name="second_reading")
    # The page's, which never changes: a book's readings are counted without a join.
    book = models.ForeignKey("books.Book", on_delete=models.CASCADE, related_name="+")
    engine = models.CharField(_("engine"), max_length=60)
    image_sha256 = models.CharField(max_length=64, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    text = models.TextField(_("text"), blank=True)
    lines = models.JSONField(default=list, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    # The text that it was compared with, by plain id, and the share (0 to 1) in which the two differ.
    text_id = models.CharField(max_length=40, blank=True)
    disagreement = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        app_label = "books"
        db_table = "second_readings"
        ordering = ["id"]
        verbose_name = _("second reading")
        verbose_name_plural = _("second readings")

    def __str__(self) -> str:
        return f"{self.page_id}: {self.engine}"

    @property
    def percent(self) -> int | None:
        """In how much of a hundred the two readings differ, where they were compared."""
        return None if self.disagreement is None else round(100 * self.disagreement)


class Inspection(models.Model):
    """When a book's texts were last looked over as a whole; what changed in the book since is new.

    `texts_at`: by the rules that need a page's neighbours; `readings_at`: what a local engine may read was read.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_id, editable=False, db_column="_id")
    book = models.OneToOneField("books.Book", on_delete=models.CASCADE, related_name="inspection")
    texts_at = models.DateTimeField(null=True)
    readings_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "books"
        db_table = "inspections"
        ordering = ["id"]
        verbose_name = _("inspection")
        verbose_name_plural = _("inspections")

    def __str__(self) -> str:
        return str(self.book_id)

    @classmethod
    def note(cls, book_id: str, **moments: Any) -> None:
        """Write down that a book was looked over, as of these moments."""
        if not cls.objects.filter(book=book_id).update(**moments):
            cls.objects.create(book_id=book_id, **moments)
