"""Book, Page, PageText and the tokens scripts use, with a librarian's words on their QuerySets.

Rows are made for SQL and for MongoDB alike: string ids of our own, people by name instead of by foreign key,
no relation that points out of the library's database.
"""

import datetime as dt
import hashlib
import secrets
from typing import Any, NamedTuple, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from books import makers
from books.suspicion import points_of
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import in_chunks, is_mongodb
from sourcebatch.lib.ids import new_id


def id_field() -> Any:
    """A primary key of ours; the column is `_id` because MongoDB's planner only uses that index for a get."""
    return models.CharField(primary_key=True, max_length=40, default=new_id, editable=False, db_column="_id")


class Kind(models.TextChoices):
    """What a text is."""

    OCR = "ocr", _("Transcription")
    TRANSLATION = "translation", _("Translation")


class Source(models.TextChoices):
    """Where a text comes from."""

    MACHINE = "machine", _("Machine")
    HUMAN = "human", _("Person")
    IMPORT = "import", _("Imported")


class BookQuerySet(models.QuerySet["Book"]):
    """Books as a librarian asks for them."""

    def visible(self) -> Self:
        """Books that are not hidden."""
        return self.filter(hidden=False)

    def needing(self, kind: str) -> Self:
        """Books with pages that still need a transcription (`ocr`) or that have one but no translation."""
        if kind == Kind.OCR:
            return self.visible().filter(pages_count__gt=F("pages_ocr") + F("pages_blank"))
        return self.visible().filter(pages_ocr__gt=F("pages_translated"))


class Book(models.Model):
    """One scanned book."""

    class Direction(models.TextChoices):
        LTR = "left-to-right", _("Left to right")
        RTL = "right-to-left", _("Right to left")
        TTB = "top-to-bottom", _("Top to bottom")
        BTT = "bottom-to-top", _("Bottom to top")

    id = id_field()
    title = models.CharField(_("title"), max_length=1000)
    author = models.CharField(_("author"), max_length=500, blank=True)
    language = models.CharField(
        _("language"),
        max_length=35,
        blank=True,
        help_text=_("ISO 639 code, such as la; empty means unknown."),
    )
    target_language = models.CharField(
        _("translate into"), max_length=35, default="en", help_text=_("ISO 639 code of the translation.")
    )
    year = models.IntegerField(_("year"), null=True, blank=True)
    source_id = models.CharField(
        _("source identifier"), max_length=500, null=True, blank=True, unique=True,
        help_text=_("Identifies the book at its library; importing it again updates this book."),
    )  # fmt: skip
    source_url = models.CharField(_("source address"), max_length=2000, blank=True)
    rights = models.CharField(_("rights"), max_length=2000, blank=True)
    attribution = models.TextField(_("attribution"), blank=True)
    direction = models.CharField(
        _("reading direction"), max_length=20, choices=Direction, default=Direction.LTR
    )
    metadata = models.JSONField(default=dict, blank=True)
    automatic = models.BooleanField(
        _("automatic"), default=False, help_text=_("Jobs for missing texts are created by the schedule.")
    )
    is_public = models.BooleanField(_("public"), default=False)
    hidden = models.BooleanField(_("hidden"), default=False)
    # Counts of its pages, kept in the transaction that changes them; `recount` makes them true again.
    pages_count = models.PositiveIntegerField(_("pages"), default=0, editable=False)
    pages_ocr = models.PositiveIntegerField(_("transcribed"), default=0, editable=False)
    pages_translated = models.PositiveIntegerField(_("translated"), default=0, editable=False)
    pages_blank = models.PositiveIntegerField(_("blank"), default=0, editable=False)
    pages_flagged = models.PositiveIntegerField(_("flagged"), default=0, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = BookQuerySet.as_manager()

    class Meta:
        db_table = "books"
        ordering = ["-id"]
        verbose_name = _("book")
        verbose_name_plural = _("books")
        indexes = [models.Index(fields=["title"], name="books_title")]

    def __str__(self) -> str:
        return self.title

    def recount(self) -> None:
        """Make the counts true again from the pages and their current texts."""
        pages = Page.objects.filter(book=self, hidden=False)
        done = PageText.objects.filter(page__book=self, page__hidden=False, is_current=True)
        counts: dict[str, Any] = {
            "pages_count": pages.count(),
            "pages_ocr": done.filter(kind=Kind.OCR, page__blank=False).count(),
            "pages_translated": done.filter(
                kind=Kind.TRANSLATION, target_language=self.target_language, page__blank=False
            ).count(),
            "pages_blank": pages.filter(blank=True).count(),
            "pages_flagged": done.filter(is_flagged=True).count(),
        }
        Book.objects.filter(pk=self.pk).update(**counts, updated_at=now())
        if not is_mongodb():
            # From here on nobody else counts this book: two who wrote past each other are put right by the second.
            self.judge_staleness()
        self.pages.all().judge()
        for name, value in counts.items():
            setattr(self, name, value)

    def judge_staleness(self) -> int:
        """Make `is_stale` of its translations true again; how many were wrong."""
        wrong = list(PageText.objects.filter(page__book=self).misjudged().values_list("pk", "is_stale"))
        for was in (True, False):
            ids = [pk for pk, is_stale in wrong if is_stale == was]
            for some in in_chunks(ids):
                PageText.objects.filter(pk__in=some).update(is_stale=not was)
        return len(wrong)


class PageQuerySet(models.QuerySet["Page"]):
    """Pages as a librarian asks for them."""

    def visible(self) -> Self:
        """Pages that are not hidden."""
        return self.filter(hidden=False)

    def with_text(self, kind: str, target_language: str = "") -> Self:
        """Pages that have a current text of this kind (a translation: into this language)."""
        return self.filter(Exists(_current(kind, target_language)))

    def needing(self, kind: str, target_language: str = "") -> Self:
        """Visible, unblank pages without that text; for a translation those that have something to translate."""
        needy = self.visible().filter(blank=False).filter(~Exists(_current(kind, target_language)))
        return needy if kind == Kind.OCR else needy.filter(Exists(_current(Kind.OCR)))

    def flagged(self) -> Self:
        """Pages one of whose current texts is suspicious."""
        return self.filter(flagged=True)

    def edited(self) -> Self:
        """Pages one of whose current texts a person wrote."""
        return self.filter(edited=True)

    def stale(self, target_language: str = "") -> Self:
        """Pages whose translation was made from a transcription that has changed since."""
        old = PageText.objects.stale()
        if target_language:
            old = old.filter(target_language=target_language)
        # They are few, so they are looked up by id.
        return self.filter(pk__in=old.order_by().values("page_id"))

    def misjudged(self) -> "dict[str, Judged]":
        """What `flagged`, `suspicion` and `edited` of those of these pages must be that have them wrong, by id."""
        pages = self.order_by()
        kept = pages.filter(Q(flagged=True) | Q(edited=True))
        before = {pk: Judged(*rest) for pk, *rest in kept.values_list("pk", *Judged._fields)}
        # MongoDB would ask again for each text.
        whose = list(pages.values_list("pk", flat=True)) if is_mongodb() else pages
        texts = PageText.objects.current().filter(page__in=whose).telling().order_by()
        after: dict[str, Judged] = {}
        for page_id, source, flags in texts.values_list("page_id", "source", "flags"):
            points, was = points_of(flags), after.get(page_id, Judged())
            after[page_id] = Judged(
                was.flagged or points > 0, was.suspicion + points, was.edited or source == Source.HUMAN
            )
        pairs = {pk: (before.get(pk, Judged()), after.get(pk, Judged())) for pk in before | after}
        return {pk: true for pk, (kept_as, true) in pairs.items() if kept_as != true}

    def judge(self) -> int:
        """Make them true again; how many were wrong."""
        wrong = self.misjudged()
        for true in set(wrong.values()):
            ids = [pk for pk, must_be in wrong.items() if must_be == true]
            for some in in_chunks(ids):
                Page.objects.filter(pk__in=some).update(**true._asdict())
        return len(wrong)


class Judged(NamedTuple):
    """What is kept on a page of its current texts."""

    flagged: bool = False
    suspicion: int = 0
    edited: bool = False


class Page(models.Model):
    """One page image of a book. Its number never changes; a page that is not wanted is hidden, not deleted."""

    id = id_field()
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="pages", verbose_name=_("book"))
    number = models.PositiveIntegerField(_("number"))
    label = models.CharField(
        _("label"), max_length=200, blank=True, help_text=_("As the library calls it: f. 12v.")
    )
    image_url = models.CharField(_("image address"), max_length=2000, blank=True)
    image_file = models.CharField(_("stored image"), max_length=500, blank=True)
    service = models.JSONField(default=dict, blank=True)
    canvas_id = models.CharField(max_length=1000, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    hidden = models.BooleanField(_("hidden"), default=False)
    blank = models.BooleanField(_("blank"), default=False)
    blank_overruled = models.BooleanField(
        _("never treat as blank"), default=False, help_text=_("Send it although it looks empty.")
    )
    ink = models.FloatField(null=True, blank=True, editable=False)
    image_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    # What its current texts say, kept by books.texts in the transaction that writes them, so that lists find the few
    # pages by an index; `suspicion` is the sum of the points of their open flags. `recount` makes them true again.
    flagged = models.BooleanField(default=False, editable=False)
    suspicion = models.PositiveIntegerField(default=0, editable=False)
    edited = models.BooleanField(default=False, editable=False)
    # Whether some job has given it up; the library never sets it, whoever keeps the ledgers does.
    failed = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = PageQuerySet.as_manager()

    class Meta:
        db_table = "pages"
        ordering = ["book", "number"]
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        constraints = [models.UniqueConstraint(fields=["book", "number"], name="pages_number_once")]
        indexes = [
            models.Index(fields=["book"], condition=Q(blank=True), name="pages_blank"),
            models.Index(fields=["book", "number"], condition=Q(hidden=True), name="pages_hidden"),
            models.Index(fields=["-book", "number"], condition=Q(flagged=True), name="pages_flagged"),
            models.Index(fields=["-book", "number"], condition=Q(edited=True), name="pages_edited"),
            models.Index(fields=["-book", "number"], condition=Q(failed=True), name="pages_failed"),
            models.Index(
                fields=["-suspicion", "-book", "number"],
                condition=Q(flagged=True, hidden=False),
                name="pages_worst_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}" + (f" ({self.label})" if self.label else "")

    def current(self, kind: str, target_language: str = "") -> "PageText | None":
        """Its current text of this kind, if any."""
        return PageText.objects.filter(
            page=self, kind=kind, target_language=target_language, is_current=True
        ).first()  # fmt: skip


class PageTextQuerySet(models.QuerySet["PageText"]):
    """Texts as a librarian asks for them."""

    def current(self) -> Self:
        """The texts that count now; the others are history."""
        return self.filter(is_current=True)

    def flagged(self) -> Self:
        """Current texts with something suspicious about them, not yet dismissed."""
        return self.current().filter(is_flagged=True)

    def telling(self) -> Self:
        """The texts that their page tells of: flagged ones, and a person's."""
        return self.filter(Q(is_flagged=True) | Q(source=Source.HUMAN))

    def stale(self) -> Self:
        """Current translations of transcriptions that have changed since."""
        return self.current().filter(is_stale=True)

    def misjudged(self) -> Self:
        """Current translations whose `is_stale` is not what a look at the page's transcription says."""
        source = PageText.objects.filter(page=OuterRef("page"), kind=Kind.OCR, is_current=True)
        changed = Exists(source.exclude(text_sha256=OuterRef("based_on")))
        translations = self.current().filter(kind=Kind.TRANSLATION).order_by()
        fresh = Q(based_on="") | ~changed
        return translations.filter(Q(fresh, is_stale=True) | Q(~fresh, is_stale=False))


class PageText(models.Model):
    """One version of a page's text. Rows are never changed but for `is_current`, `is_stale`, flags and review."""

    id = id_field()
    page = models.ForeignKey(Page, on_delete=models.PROTECT, related_name="texts", verbose_name=_("page"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    # Empty for transcriptions: a page may have one current translation in each language.
    target_language = models.CharField(_("translated into"), max_length=35, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True)
    data = models.TextField(_("text"))
    text_sha256 = models.CharField(max_length=64)
    source = models.CharField(_("source"), max_length=10, choices=Source)
    author = models.CharField(_("by"), max_length=150, blank=True)
    # What made it by its own account; which model was asked for is beside it (empty in old rows: the same).
    model = models.CharField(_("model"), max_length=100, blank=True)
    ordered_model = models.CharField(max_length=100, blank=True)
    prompt_version = models.CharField(_("prompt"), max_length=60, blank=True)
    based_on = models.CharField(max_length=64, blank=True)
    # Which terms of the glossary it was made with (books.glossary.digest); empty: none.
    glossary = models.CharField(max_length=16, blank=True)
    image_sha256 = models.CharField(max_length=64, blank=True)
    job_id = models.CharField(max_length=40, blank=True, db_index=True)
    # Identifies the whole request that it answers (jobs.lifecycle.copies); empty where that is not known.
    request_hash = models.CharField(max_length=32, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    thinking_tokens = models.PositiveIntegerField(default=0)
    # Millionths of a US dollar: whole numbers add up the same on every database. None: price unknown.
    cost_micro_usd = models.BigIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    flags = models.JSONField(default=list, blank=True)
    is_flagged = models.BooleanField(_("flagged"), default=False)
    is_current = models.BooleanField(default=False)
    # Of a current translation: its page's transcription is not the one it was made from any more.
    is_stale = models.BooleanField(default=False)
    reviewed_by = models.CharField(_("reviewed by"), max_length=150, blank=True)
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = PageTextQuerySet.as_manager()

    class Meta:
        db_table = "page_texts"
        ordering = ["-id"]
        verbose_name = _("text")
        verbose_name_plural = _("texts")
        constraints = [
            models.UniqueConstraint(
                fields=["page", "kind", "target_language"],
                condition=Q(is_current=True),
                name="page_texts_one_current",
            ),
        ]
        indexes = [
            models.Index(fields=["is_flagged"], condition=Q(is_flagged=True), name="page_texts_flagged"),
            # Few texts are a person's: without it the filter "Edited by hand" reads all texts.
            models.Index(
                fields=["page"], condition=Q(is_current=True, source="human"), name="page_texts_human"
            ),
            models.Index(
                fields=["page"], condition=Q(is_current=True, is_stale=True), name="page_texts_stale"
            ),
            models.Index(fields=["request_hash"], name="page_texts_request"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def maker(self) -> str:
        """The model as people read it; empty where none is known."""
        return makers.named(self.model)


def _current(kind: str, target_language: str = "") -> PageTextQuerySet:
    """Subquery: the current texts of the outer page."""
    texts = PageText.objects.filter(page=OuterRef("pk"), kind=kind, is_current=True)
    return texts.filter(target_language=target_language) if target_language else texts


class SearchText(models.Model):
    """The folded copy of a current text, in which books.search finds words; books.texts keeps it in step."""

    text = models.OneToOneField(
        PageText, on_delete=models.CASCADE, primary_key=True, related_name="searched", db_column="_id"
    )
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Book and number are the page's, which never change: hits are counted and sorted without a join.
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    target_language = models.CharField(max_length=35, blank=True)
    language = models.CharField(max_length=35, blank=True)
    folded = models.TextField(blank=True)

    class Meta:
        db_table = "page_search"
        ordering = ["book", "number"]
        verbose_name = _("searched text")
        verbose_name_plural = _("searched texts")
        constraints = [
            models.UniqueConstraint(fields=["page", "kind", "target_language"], name="page_search_once"),
        ]
        indexes = [models.Index(fields=["book", "number"], name="page_search_in_order")]

    def __str__(self) -> str:
        return f"{self.page_id} {self.kind}"


class GlossaryTerm(models.Model):
    """How a book's term is to be rendered in one language; books.glossary reads and writes them."""

    id = id_field()
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="glossary", verbose_name=_("book"))
    target_language = models.CharField(_("translated into"), max_length=35)
    number = models.PositiveIntegerField(default=0)
    term = models.CharField(_("term"), max_length=200)
    rendering = models.CharField(_("rendering"), max_length=400)
    note = models.CharField(_("note"), max_length=400, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        db_table = "glossary_terms"
        ordering = ["book", "target_language", "number"]
        verbose_name = _("glossary term")
        verbose_name_plural = _("glossary terms")
        constraints = [
            models.UniqueConstraint(fields=["book", "target_language", "term"], name="glossary_terms_once"),
        ]

    def __str__(self) -> str:
        return f"{self.term} = {self.rendering}"


class SampleJudgement(models.Model):
    """One page of a random sample and what a person said of its text; a draw of n pages is n rows with one `draw`."""

    class Verdict(models.TextChoices):
        OPEN = "", _("Not judged yet")
        RIGHT = "right", _("Right")
        WRONG = "wrong", _("Wrong")

    id = id_field()
    draw = models.CharField(max_length=40, db_index=True, editable=False)
    page = models.ForeignKey(
        Page, on_delete=models.PROTECT, related_name="judgements", verbose_name=_("page")
    )
    # The version that is judged, by plain id: it stays the same when the page gets another text meanwhile.
    text_id = models.CharField(max_length=40, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    verdict = models.CharField(_("judgement"), max_length=5, choices=Verdict, blank=True, default="")
    judged_by = models.CharField(_("judged by"), max_length=150, blank=True)
    judged_at = models.DateTimeField(_("judged"), null=True, blank=True)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "sample_judgements"
        ordering = ["id"]
        verbose_name = _("judgement of a sample")
        verbose_name_plural = _("judgements of samples")
        constraints = [models.UniqueConstraint(fields=["draw", "page"], name="sample_judgements_once")]

    def __str__(self) -> str:
        return f"{self.page_id}: {self.get_verdict_display()}"


class ApiToken(models.Model):
    """What a script shows instead of a password; only its hash is kept."""

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        OPERATE = "operate", _("Read, change and spend")

    id = id_field()
    name = models.CharField(_("name"), max_length=100, unique=True)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope, default=Scope.READ)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.CharField(_("made by"), max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), default=now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "api_tokens"
        ordering = ["name"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest(token: str) -> str:
        """The SHA-256 of a token, as stored."""
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(cls, name: str, scope: str, created_by: str = "") -> tuple["ApiToken", str]:
        """A new token row and the token itself, which is shown this once. Raises IntegrityError for a name in use."""
        token = "sb_" + secrets.token_urlsafe(32)
        row = cls.objects.create(
            name=name, scope=scope, created_by=created_by, token_sha256=cls.digest(token)
        )
        return row, token

    def revoke(self, when: dt.datetime | None = None) -> None:
        """From now on this token opens nothing."""
        self.revoked_at = when or now()
        self.save(update_fields=["revoked_at"])


# Models that stand beside what makes them; Django looks for them here.
from books.second_reading.models import Inspection, SecondReading  # noqa: E402, F401
