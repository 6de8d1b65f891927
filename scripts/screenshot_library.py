"""The library on the screenshots: the sample book, read for real, and some made-up books around it.

Everything is written into the database that Django is set up for, which `scripts/screenshots.py` throws away.
"""

import datetime as dt
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django_q.models import OrmQ
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from books import glossary, texts
from books.glossary import Term
from books.management.commands.import_sample import import_sample
from books.models import ApiToken, Book, Kind, Page, PageText, Source
from books.texts import NewText
from jobs import lifecycle
from jobs.lifecycle import Actor, NewJob
from jobs.lifecycle.prompts import prompt_in_use
from jobs.lifecycle.trials import NewTrial, run_trial, start_trial
from jobs.models import Job, PromptTrial, PromptVersion, Spending
from sourcebatch.lib.clock import now
from sourcebatch.lib.ids import first_id, new_id
from tests.support.localgemini import LocalGemini

ROOT = Path(__file__).resolve().parent.parent
JUNICODE = ROOT / "static" / "reading" / "junicode" / "Junicode-Regular.woff2"
HEBREW_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
PAPER, INK = (236, 226, 203), (52, 42, 34)
ANNA = Actor("anna", "admin")

LATIN = (
    "Quid tibi uis mulier nigris digniſſima barris?",
    "Munera cur mihi quidue tabellas mittis, amice,",
    "Namque ſagacius unus odoror polypus an grauis",
    "hirſutis cubet hircus in alis, quam canis acer",
    "Beatus ille qui procul negocijs, ut priſca gens",
    "paterna rura bobus exercet ſuis, ſolutus omni",
)
GERMAN = (
    "Zuo wiſſen ſey menigklich / wie auff den vierdten tag",
    "des monats Hornung / vmb die achte ſtund vor mittag /",
    "ein erſchroͤcklich wunderzeychen am himmel geſehen iſt /",
    "alſo das vil frommer leüt ſich darab entſetzt haben.",
    "Vnd iſt ſolchs zuo Augſpurg / Vlm vnd an der Thonaw",
    "von mannen vnd weybern eygentlich warhafftig beſchriben.",
)
GREEK = (
    "ΜΗΝΙΝ ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος",
    "οὐλομένην, ἣ μυρί᾽ Ἀχαιοῖς ἄλγε᾽ ἔθηκε,",
    "πολλὰς δ᾽ ἰφθίμους ψυχὰς Ἄϊδι προΐαψεν",
    "ἡρώων, αὐτοὺς δὲ ἑλώρια τεῦχε κύνεσσιν",
    "οἰωνοῖσί τε πᾶσι, Διὸς δ᾽ ἐτελείετο βουλή,",
)
HEBREW = (
    "בראשית ברא אלהים את השמים ואת הארץ",
    "והארץ היתה תהו ובהו וחשך על פני תהום",
    "ורוח אלהים מרחפת על פני המים",
    "ויאמר אלהים יהי אור ויהי אור",
    "וירא אלהים את האור כי טוב",
)
TRANSCRIPTION = """18 [[margin: Carmen gratulatorium]]

THOMAE MORI

Haec est illa dies niueo signanda lapillo,
Laeta dies fastis annumeranda tuis.
Meta haec seruitij est, haec libertatis origo,
Tristitiae finis, laetitiae caput.
Nam iuuenem secli decus o memorabile nostri
Vngit, & in regem praeficit ista tuum.
Regem qui populi non unius usque, sed orbis
Imperio dignus totius unus erat.
Regem qui cunctis lachrymas detergat ocellis,
Gaudia pro longo substituat gemitu.
Omnia discussis arrident pectora curis,
Vt solet excussa nube [[unclear: nitere]] dies.
"""
TRANSLATION = """18 [[margin: Poem of congratulation]]

OF THOMAS MORE

This is the day to be marked with a stone white as snow,
the happy day to be entered in your calendar.
It is the end of servitude, the beginning of freedom,
the last of sadness and the source of joy;
for it anoints a young man, the lasting glory of our age,
and sets him over you as king:
a king who was worthy to rule not one people only
but, alone, the whole world;
a king to wipe the tears from every eye
and to put gladness in the place of long sighing.
All hearts have shaken off their cares and smile,
as the day will [[unclear: shine]] when its cloud is driven away.
"""
IN_GERMAN = """[[header: THOMAE MORI]]

... und setzt ihn über dich zum König:
einen König, der nicht ein Volk allein,
sondern die ganze Welt zu lenken verdiente.
"""


@dataclass
class Library:
    """What the screens need to know of it."""

    sample: Book
    jobs: dict[str, Job] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    trial: PromptTrial | None = None

    def page(self, book: str, number: int) -> Page:
        """A page by its book's short name."""
        return self.books[book].pages.get(number=number)


def build(gemini: LocalGemini) -> Library:
    """All of it; takes about two minutes, most of them for reading the sample book."""
    people()
    library = Library(import_sample()[0])
    library.books["sample"] = library.sample
    invent_books(library)
    the_past(library)
    read_the_sample(library, gemini)
    failing_translation(library, gemini)
    jobs_under_way(library, gemini)
    by_hand(library)
    terms_and_trial(library, gemini)
    for book in Book.objects.all():
        book.recount()
    cache.clear()
    OrmQ.objects.all().delete()  # tasks for the worker, which does not run here
    return library


def people() -> None:
    """An editor and an operator beside the administrator."""
    for name, role in (("anna", "Operator"), ("bert", "Editor")):
        User.objects.create_user(name, is_staff=True).groups.add(Group.objects.get(name=role))
    ApiToken.issue("catalogue", ApiToken.Scope.READ, "admin")
    ApiToken.issue("nightly-import", ApiToken.Scope.OPERATE, "admin")
    ApiToken.issue("trial", ApiToken.Scope.READ, "anna")[0].revoke(now())


def invent_books(library: Library) -> None:
    """Books with drawn pages: awkward title, two scripts, and some to fill the shelf."""
    shelf = library.books
    shelf["news"] = book(
        "Newe Zeytung: Warhafftige vnd gantz <erschröckliche> Beschreibung deß \"wunderzeychens\" & der "
        "feürigen kugel / so man im M. D. LXXXIII. jar am himmel zuo Augspurg & Vlm gesehen hat",
        "de", 1583, GERMAN, 16, author="",
    )  # fmt: skip
    shelf["genesis"] = book(
        "בראשית, sive Liber Geneseos Hebraice", "he", 1546, HEBREW, 6, "Sebastian Münster"
    )
    Book.objects.filter(pk=shelf["genesis"].pk).update(direction="right-to-left")
    shelf["ilias"] = book("Ὁμήρου Ἰλιάς. Homeri Ilias", "grc", 1535, GREEK, 8, "Homerus")
    shelf["epodes"] = book("Epodon liber", "la", 1561, LATIN, 6, "Quintus Horatius Flaccus", automatic=True)
    shelf["herbal"] = book(
        "De historia stirpium commentarii insignes", "la", 1542, LATIN, 12, "Leonhart Fuchs"
    )
    shelf["cosmos"] = book(
        "Cosmographia, das ist Beschreibung der gantzen Welt", "de", 1544, GERMAN, 10, "Sebastian Münster"
    )
    blank = shelf["herbal"].pages.get(number=2)
    Page.objects.filter(pk=blank.pk).update(blank=True)


def book(
    title: str, language: str, year: int, lines: tuple[str, ...], pages: int, author: str = "", **fields: Any
) -> Book:
    """A book with pages that are drawn, not scanned."""
    made: Book = Book.objects.create(
        title=title, language=language, year=year, author=author, created_by="anna", attribution="Drawn for a picture.",
        source_id=f"made-up:{language}:{year}", **fields,
    )  # fmt: skip
    for number in range(1, pages + 1):
        name = default_storage.save(f"images/{made.pk}/{number:03}.jpg", ContentFile(drawn(number, lines)))
        leaf = f"f. {(number + 1) // 2}{'v' if number % 2 == 0 else 'r'}"
        Page.objects.create(book=made, number=number, label=leaf, image_file=name)
    return made


def drawn(number: int, lines: tuple[str, ...]) -> bytes:
    """A JPEG of 1000 x 1400 pixels that looks a little like an early print."""
    lot = random.Random(number)  # noqa: S311
    image = Image.new("RGB", (1000, 1400), PAPER)
    draw = ImageDraw.Draw(image)
    hebrew = lines is HEBREW
    font = ImageFont.truetype(str(HEBREW_FONT if hebrew else JUNICODE), 42)
    draw.text((500, 130), str(number), fill=INK, font=font, anchor="ms")
    for row, line in enumerate(lines_of(number, lines)):
        x = 880 if hebrew else 120
        draw.text((x, 240 + row * 62), line, fill=INK, font=font, anchor="rs" if hebrew else "ls")
    for _ in range(300):
        x, y = lot.randrange(1000), lot.randrange(1400)
        draw.point((x, y), fill=(190, 172, 138))
    shade = Image.linear_gradient("L").rotate(90 if number % 2 else 270).resize(image.size)
    image.paste((120, 100, 76), (0, 0), shade.point(lambda value: max(0, value - 190)))
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.6)).save(
        out, "JPEG", quality=85, comment=f"page {number}".encode()
    )
    return out.getvalue()


def lines_of(number: int, lines: tuple[str, ...]) -> list[str]:
    """What stands on that page. Few lines are enough for two scripts; elsewhere their words are thrown together."""
    if lines in (GREEK, HEBREW):
        return [lines[(row + number) % len(lines)] for row in range(len(lines))]
    lot = random.Random(number * 100)  # noqa: S311
    words = " ".join(lines).split()
    return [" ".join(lot.sample(words, 6)) for _ in range(17 if number > 1 else 8)]


def the_past(library: Library) -> None:
    """Two weeks of work behind us, so that the charts have something to show."""
    today = dt.datetime.now(dt.UTC).replace(hour=9, minute=0, second=0)
    lot = random.Random(1520)  # noqa: S311
    page, rows = library.page("cosmos", 1), []
    for back in range(13, 0, -1):
        day = today - dt.timedelta(days=back)
        counts = {
            Kind.OCR: lot.choice([0, 40, 90, 160, 220]),
            Kind.TRANSLATION: lot.choice([0, 0, 30, 80, 120]),
        }
        for kind, count in counts.items():
            rows += [_old_text(page, kind, day) for _ in range(count)]
        spent = counts[Kind.OCR] * 1520 + counts[Kind.TRANSLATION] * 1410
        Spending.add(f"{day:%Y-%m-%d}", spent=spent)
        Spending.add(f"{day:%Y-%m}", spent=spent)
    PageText.objects.bulk_create(rows, batch_size=500)


def _old_text(page: Page, kind: str, day: dt.datetime) -> PageText:
    return PageText(
        id=first_id(day)[:10] + new_id()[10:], page=page, kind=kind, data="", text_sha256=texts.text_hash(""),
        source=Source.MACHINE, created_at=day,
    )  # fmt: skip


def order(library: Library, name: str, type_: str, **options: Any) -> Job:
    """A job over all pages of a book that need it."""
    made = library.books[name]
    return lifecycle.create(NewJob(type_, None, made.pk, **options), ANNA).job


def run(job: Job) -> None:
    """Until it is done."""
    call_command("advance_jobs", until_done=True, job=job.pk, timeout=600, stdout=io.StringIO())
    job.refresh_from_db()


def read_the_sample(library: Library, gemini: LocalGemini) -> None:
    """The sample book is transcribed by the OCR engine, one page of it in a loop; another book follows."""
    gemini.fault("page", outcome="looping", nth=[9])
    job = library.jobs["completed"] = order(library, "sample", "batch_ocr")
    run(job)
    gemini.clear_faults()
    run(order(library, "epodes", "batch_ocr"))


def failing_translation(library: Library, gemini: LocalGemini) -> None:
    """Its translation, in which three pages fail, each in its own way."""
    gemini.fault("page", outcome="SAFETY", nth=[4])
    gemini.fault("page", outcome="prompt_blocked", nth=[6])
    gemini.fault("page", outcome="error", code=3, message="Request contains an invalid argument.", nth=[9])
    job = library.jobs["failures"] = order(library, "sample", "batch_translate")
    run(job)
    gemini.clear_faults()


def jobs_under_way(library: Library, gemini: LocalGemini) -> None:
    """One whose last batches are still at Gemini, one paused, one cancelled, one that nobody has begun."""
    gemini.fault("batch", hold=True, nth=[2])
    running = library.jobs["running"] = order(library, "news", "batch_ocr", priority=5)
    gemini.wait_for(lambda: _eight_are_done(running), 300)
    gemini.hold()
    library.jobs["paused"] = paused = order(library, "ilias", "batch_ocr")
    lifecycle.advance(paused.pk, ANNA)
    lifecycle.pause(paused.pk, ANNA)
    library.jobs["cancelled"] = cancelled = order(library, "cosmos", "batch_ocr")
    lifecycle.advance(cancelled.pk, ANNA)
    lifecycle.cancel(cancelled.pk, Actor("bert", "api"))
    library.jobs["pending"] = order(library, "herbal", "batch_ocr")


def _eight_are_done(job: Job) -> bool:
    """One step; whether the first batch has been collected."""
    call_command("advance_jobs", job=job.pk, stdout=io.StringIO())
    job.refresh_from_db()
    return bool(job.progress.get("completed", 0) >= 8)


def by_hand(library: Library) -> None:
    """What people did: corrections, a translation, imported texts in other scripts, reviews."""
    page = library.page("sample", 3)
    read = texts.write(
        page, NewText(Kind.OCR, TRANSCRIPTION, Source.HUMAN, language="la", author="anna")
    ).text
    texts.mark_reviewed(read, by="bert")
    translated = NewText(
        Kind.TRANSLATION, TRANSLATION, Source.HUMAN, target_language="en", language="en", author="anna",
        based_on=read.text_sha256,
    )  # fmt: skip
    texts.write(page, translated)
    for name, lines in (("genesis", HEBREW), ("ilias", GREEK)):
        for one in library.books[name].pages.filter(number__lte=4):
            data = "\n".join(lines_of(one.number, lines))
            texts.write(one, NewText(Kind.OCR, data, Source.IMPORT, language=library.books[name].language))
    for one in library.books["sample"].pages.filter(number__in=[1, 2]):
        text = one.current(Kind.OCR)
        if text:
            texts.mark_reviewed(text, by="bert")
    edited = library.page("sample", 7)
    present = edited.current(Kind.OCR)
    if present:
        corrected = present.data.replace("\n", " [[margin: nota bene]]\n", 1)
        texts.write(edited, NewText(Kind.OCR, corrected, Source.HUMAN, language="la", author="bert"))
    Book.objects.filter(pk=library.sample.pk).update(is_public=True)


def terms_and_trial(library: Library, gemini: LocalGemini) -> None:
    """A glossary, a page in a second language, and a prompt that is tried on two pages."""
    terms = [Term("rex", "king"), Term("populus", "people"), Term("virtut*", "virtue", "never strength")]
    glossary.replace(library.sample, "en", terms, by="anna")
    page = library.page("sample", 3)
    source = page.current(Kind.OCR)
    german = NewText(
        Kind.TRANSLATION, IN_GERMAN, Source.HUMAN, target_language="de", language="de", author="bert",
        based_on=source.text_sha256 if source else "",
    )  # fmt: skip
    texts.write(page, german)
    words = f"{prompt_in_use('batch_ocr').text}\n- Write a long s as s.\n"
    draft = PromptVersion.objects.create(
        type="batch_ocr", version=2, text=words, text_sha256=texts.text_hash(words), created_by="anna"
    )
    gemini.fault("page", outcome="text", text=TRANSCRIPTION, nth=[2])
    library.trial = start_trial(NewTrial(draft, library.sample, numbers="3, 5"), "pictures", ANNA)
    run_trial(library.trial.pk, 600)
    gemini.clear_faults()


def manifest(folder: Path, url: str) -> str:
    """A IIIF manifest with its images in a folder that is served at `url`; its address."""
    canvases = []
    for number in range(1, 11):
        (folder / f"g{number}.jpg").write_bytes(drawn(number, LATIN))
        resource = {
            "@id": f"{url}/images/g{number}.jpg",
            "@type": "dctypes:Image",
            "width": 1000,
            "height": 1400,
        }
        canvases.append({
            "@id": f"{url}/canvas/{number}", "@type": "sc:Canvas", "label": f"p. {number}",
            "width": 1000, "height": 1400,
            "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}],
        })  # fmt: skip
    told = {
        "@context": "http://iiif.io/api/presentation/2/context.json", "@id": f"{url}/images/manifest.json",
        "@type": "sc:Manifest", "label": "Georgica, cum commentariis", "license": "https://creativecommons.org/publicdomain/mark/1.0/",
        "attribution": "A library of our own making",
        "metadata": [{"label": "Author", "value": "P. Vergilius Maro"}, {"label": "Date", "value": "1529"},
                     {"label": "Language", "value": "Latin"}],
        "sequences": [{"@type": "sc:Sequence", "canvases": canvases}],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    return f"{url}/images/manifest.json"
