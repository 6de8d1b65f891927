"""IIIF Presentation 3: a manifest whose canvases carry the texts as `supplementing` annotations, one page a language.

Canvases keep the ids that the library gave them where these are unique addresses, so that viewers and annotation
servers know them again.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_noop

from books.exports.base import Leaf, Options, leaves
from books.exports.images import GUESSED, address_of, size_of
from books.exports.provenance import about, how_made, notice, plain_note, sentence
from books.exports.trees import fit
from books.models import Book, Kind, PageText
from books.rendering import direction
from sourcebatch.lib.http.replies import dumps

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
# Where nobody says at which address this installation is; ids must be addresses all the same.
NOWHERE = "http://localhost:8000"
SERVICES = {"1": ("ImageService1", "@"), "2": ("ImageService2", "@"), "3": ("ImageService3", "")}
DIRECTIONS = {choice.value for choice in Book.Direction}


class Iiif:
    """Texts are plain text as stored, with the tags of docs/tags.md."""

    name = "iiif"
    label = gettext_noop("IIIF manifest")
    extension = "json"
    mime = 'application/ld+json;profile="http://iiif.io/api/presentation/3/context.json"'
    order = 80
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The manifest in pieces, a canvas in each."""
        base = f"{options.address or NOWHERE}/api/books/{book.pk}/export/iiif"
        head = dumps(_manifest(book, options, base))
        yield f'{head[:-1]},"items":['.encode()
        comma, known = "", set[str]()
        for leaf in leaves(book, options):
            canvas = _canvas(leaf, options, base, known)
            known.add(canvas["id"])
            yield (comma + dumps(canvas)).encode()
            comma = ","
        if not known:
            yield dumps(_no_canvas(base)).encode()
        yield b"]}"


def _manifest(book: Book, options: Options, base: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@context": CONTEXT, "id": base, "type": "Manifest",
        "label": {book.language or "none": [fit(book.title)]},
        "summary": {"en": [" ".join([*how_made(book, options), notice(options)])]},
        "metadata": [
            {"label": {"en": [label]}, "value": {"none": [fit(value)]}} for label, value in about(book, options)
        ],
        "requiredStatement": {
            "label": {"en": ["Attribution"]},
            "value": {"none": [fit(plain_note(book.attribution)) or "Not stated"], "en": [notice(options)]},
        },
        "viewingDirection": book.direction if book.direction in DIRECTIONS else "left-to-right",
    }  # fmt: skip
    # The rights of a manifest are those that Creative Commons or RightsStatements.org name, by their http address.
    licence = book.rights.replace("https://", "http://", 1)
    if licence.startswith(("http://creativecommons.org/", "http://rightsstatements.org/")):
        made["rights"] = licence
    if book.source_url.startswith(("http://", "https://")):
        home = {"id": book.source_url, "type": "Text", "label": {"en": ["The scans at their library"]}}
        made["homepage"] = [home | {"format": "text/html"}]
    return made


def _canvas(leaf: Leaf, options: Options, base: str, known: set[str]) -> dict[str, Any]:
    page = leaf.page
    own = page.canvas_id
    name = (
        own
        if own.startswith(("http://", "https://")) and own not in known
        else f"{base}/canvas/{page.number}"
    )
    width, height = size_of(page)
    image = address_of(page, options.address or NOWHERE)
    canvas: dict[str, Any] = {
        "id": name, "type": "Canvas", "label": {"none": [fit(page.label) or str(page.number)]},
        "width": width or GUESSED[0], "height": height or GUESSED[1],
        "items": [_painting(leaf, base, name, _image(leaf, image, width, height))],
    }  # fmt: skip
    if leaf.texts:
        canvas["annotations"] = [_annotations(leaf, text, base, name) for text in leaf.texts]
    return canvas


def _painting(leaf: Leaf, base: str, canvas: str, body: dict[str, Any]) -> dict[str, Any]:
    own = f"{base}/page/{leaf.page.number}"
    painted = {
        "id": f"{own}/image", "type": "Annotation", "motivation": "painting", "body": body, "target": canvas,
    }  # fmt: skip
    return {"id": own, "type": "AnnotationPage", "items": [painted]}


def _image(leaf: Leaf, address: str, width: int, height: int) -> dict[str, Any]:
    body: dict[str, Any] = {"id": address, "type": "Image", "format": "image/jpeg"}
    if width:
        body |= {"width": width, "height": height}
    service = leaf.page.service
    kind = SERVICES.get(str(service.get("version", "")))
    if service.get("id") and kind:
        name, at = kind
        profile = {"profile": f"level{service['level']}"} if isinstance(service.get("level"), int) else {}
        body["service"] = [{f"{at}id": service["id"], f"{at}type": name, **profile}]
    return body


def _annotations(leaf: Leaf, text: PageText, base: str, canvas: str) -> dict[str, Any]:
    """The annotation page of one text."""
    translation = text.kind == Kind.TRANSLATION
    own = f"{base}/page/{leaf.page.number}/{f'translation/{text.target_language}' if translation else 'transcription'}"
    code = text.target_language if translation else text.language
    made = sentence(text, stale=leaf.is_stale(text))
    body: dict[str, Any] = {
        "type": "TextualBody", "value": fit(text.data), "format": "text/plain",
        "textDirection": direction(code),
        **({"language": code} if code else {}),
    }  # fmt: skip
    annotation = {
        "id": f"{own}/text", "type": "Annotation", "motivation": "supplementing", "label": {"en": [made]},
        "body": body, "target": canvas,
    }  # fmt: skip
    return {"id": own, "type": "AnnotationPage", "label": {"en": [made]}, "items": [annotation]}


def _no_canvas(base: str) -> dict[str, Any]:
    """A manifest must have a canvas: an empty one for a book without pages."""
    return {
        "id": f"{base}/canvas/none", "type": "Canvas", "label": {"en": ["No pages"]},
        "width": GUESSED[0], "height": GUESSED[1],
    }  # fmt: skip


EXPORTER = Iiif()
