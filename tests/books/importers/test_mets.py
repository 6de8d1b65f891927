"""METS files: order and labels of the physical structure, the best images, MODS; broken ones are refused."""

import io

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from books.importers import Given, ImportedBook, ImportRefused, read
from books.importers.mets import parse

HEAD = (
    '<mets:mets xmlns:mets="http://www.loc.gov/METS/" xmlns:mods="http://www.loc.gov/mods/v3" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dv="http://dfg-viewer.de/" OBJID="obj1">'
)
MODS = """<mets:dmdSec ID="d1"><mets:mdWrap MDTYPE="MODS"><mets:xmlData><mods:mods>
 <mods:titleInfo type="uniform"><mods:title>Poems</mods:title></mods:titleInfo>
 <mods:titleInfo><mods:nonSort>Die</mods:nonSort><mods:title>Epigramme &amp; mehr</mods:title></mods:titleInfo>
 <mods:name><mods:role><mods:roleTerm>prt</mods:roleTerm></mods:role><mods:displayForm>Froben</mods:displayForm></mods:name>
 <mods:name><mods:role><mods:roleTerm>aut</mods:roleTerm></mods:role>
   <mods:namePart type="family">More</mods:namePart><mods:namePart type="given">Thomas</mods:namePart></mods:name>
 <mods:language><mods:languageTerm type="code" authority="iso639-2b">lat</mods:languageTerm></mods:language>
 <mods:originInfo><mods:place><mods:placeTerm>Basel</mods:placeTerm></mods:place>
   <mods:dateIssued keyDate="yes">1520</mods:dateIssued></mods:originInfo>
 <mods:recordInfo><mods:recordIdentifier>oai:lib:42</mods:recordIdentifier></mods:recordInfo>
</mods:mods></mets:xmlData></mets:mdWrap></mets:dmdSec>
<mets:amdSec><mets:rightsMD><mets:mdWrap><mets:xmlData><dv:rights><dv:owner>Library of X</dv:owner>
<dv:license>https://creativecommons.org/publicdomain/mark/1.0/</dv:license></dv:rights></mets:xmlData></mets:mdWrap>
</mets:rightsMD></mets:amdSec>"""
BASE = "https://lib.example"


def group(use: str, mime: str = "image/jpeg", count: int = 3, pattern: str = "") -> str:
    pattern = pattern or f"{BASE}/{use.lower()}/{{}}.jpg"
    files = "".join(
        f'<mets:file ID="{use}_{n}" MIMETYPE="{mime}">'
        f'<mets:FLocat LOCTYPE="URL" xlink:href="{pattern.format(n)}"/></mets:file>'
        for n in range(1, count + 1)
    )
    return f'<mets:fileGrp USE="{use}">{files}</mets:fileGrp>'


def structure(uses: list[str], order: list[int] | None = None) -> str:
    divs = "".join(
        f'<mets:div ID="phys{n}" TYPE="page" ORDER="{place}" ORDERLABEL="{"- " if n == 1 else f"f. {n}r"}">'
        + "".join(f'<mets:fptr FILEID="{use}_{n}"/>' for use in uses)
        + "</mets:div>"
        for n, place in enumerate(order or [1, 2, 3], 1)
    )
    whole = '<mets:fptr FILEID="DOWNLOAD_1"/>'
    return (
        '<mets:structMap TYPE="PHYSICAL"><mets:div TYPE="physSequence">'
        + whole
        + divs
        + "</mets:div></mets:structMap>"
    )


def mets(*parts: str) -> bytes:
    return (HEAD + "".join(parts) + "</mets:mets>").encode()


def ordinary() -> bytes:
    files = "<mets:fileSec>" + group("DEFAULT") + group("THUMBS") + group("MAX") + "</mets:fileSec>"
    return mets(MODS, files, structure(["THUMBS", "DEFAULT", "MAX"]))


def refusal(raw: bytes) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        parse(raw)
    return caught.value


def addresses(book: ImportedBook) -> list[str]:
    return [page.image_url for page in book.pages]


def test_title_author_language_year_and_rights_come_from_the_metadata() -> None:
    (book,) = read(Given(name="x.xml", url=f"{BASE}/mets.xml", file=io.BytesIO(ordinary())))
    assert (book.title, book.author, book.language, book.year) == (
        "Die Epigramme & mehr",
        "More, Thomas",
        "la",
        1520,
    )
    assert (book.rights, book.attribution) == (
        "https://creativecommons.org/publicdomain/mark/1.0/",
        "Library of X",
    )
    assert (book.source_id, book.source_url) == ("mets:oai:lib:42", f"{BASE}/mets.xml")
    assert ("Place", "Basel") in book.metadata
    assert book.oddities == ()


def test_pages_have_their_labels_ids_and_best_images() -> None:
    book = parse(ordinary())
    assert addresses(book) == [f"{BASE}/max/{n}.jpg" for n in (1, 2, 3)]
    assert [page.label for page in book.pages] == ["", "f. 2r", "f. 3r"]
    assert [page.canvas_id for page in book.pages] == ["phys1", "phys2", "phys3"]


def test_the_order_is_the_library_s_not_the_file_s() -> None:
    book = parse(mets(group("DEFAULT"), structure(["DEFAULT"], [3, 1, 2])))
    assert [page.canvas_id for page in book.pages] == ["phys2", "phys3", "phys1"]


def test_a_jpeg_is_taken_before_a_heavy_master() -> None:
    book = parse(mets(group("MAX", "image/tiff"), group("DEFAULT"), structure(["MAX", "DEFAULT"])))
    assert addresses(book)[0] == f"{BASE}/default/1.jpg"


def test_the_service_behind_an_image_address_is_found() -> None:
    book = parse(
        mets(group("MAX", pattern=f"{BASE}/iiif/p{{}}/full/1200,/0/default.jpg"), structure(["MAX"]))
    )
    assert book.pages[0].service == {"id": f"{BASE}/iiif/p1", "version": 2}


def test_without_a_structure_the_files_are_the_pages() -> None:
    assert addresses(parse(mets(group("DEFAULT"), group("MAX"))))[-1] == f"{BASE}/max/3.jpg"


def test_a_page_without_an_image_stays_a_page_and_is_told() -> None:
    book = parse(mets(group("MAX", count=2), structure(["MAX"])))
    assert addresses(book)[2] == ""
    assert book.pages[2].oddities == ("has no image",)


def test_it_is_found_inside_an_answer_of_oai_pmh() -> None:
    raw = (
        b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><GetRecord>'
        + ordinary()
        + b"</GetRecord></OAI-PMH>"
    )
    (book,) = read(Given(name="oai", file=io.BytesIO(raw)))
    assert len(book.pages) == 3


def test_a_work_of_several_volumes_offers_them() -> None:
    volumes = (
        '<mets:structMap TYPE="LOGICAL"><mets:div LABEL="Opera">'
        + "".join(
            f'<mets:div LABEL="Band {n}"><mets:mptr LOCTYPE="URL" xlink:href="{BASE}/v{n}.xml"/></mets:div>'
            for n in (1, 2)
        )
        + "</mets:div></mets:structMap>"
    )
    error = refusal(mets(volumes))
    assert error.offers == ((f"{BASE}/v1.xml", "Band 1"), (f"{BASE}/v2.xml", "Band 2"))
    assert "2 parts" in error.sentence


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<mets:mets", "cannot be read as XML"),
        (b"<OAI-PMH><error>idDoesNotExist</error></OAI-PMH>", "idDoesNotExist"),
        (mets(group("THUMBS")), "no page images"),
    ],
)
def test_what_is_no_book_is_refused(raw: bytes, said: str) -> None:
    assert said in refusal(raw).sentence


def test_entities_do_not_read_files() -> None:
    doctype = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    assert "root:" not in parse(doctype + ordinary().replace(b"Epigramme", b"&a;Epigramme")).title


def test_entities_that_multiply_are_refused() -> None:
    lines = [
        b'<!ENTITY a0 "aaaaaaaaaa">',
        *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 9)),
    ]
    bomb = b"<!DOCTYPE x [" + b"".join(lines) + b"]>"
    assert "cannot be read" in refusal(bomb + ordinary().replace(b"Epigramme", b"&a8;x")).sentence


@property_of(st.data())
def test_whatever_is_cut_or_changed_in_it_no_other_exception_comes_out(data: st.DataObject) -> None:
    raw = bytearray(ordinary())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    try:
        assert parse(bytes(raw)).pages
    except ImportRefused as error:
        assert error.sentence.endswith((".", ")"))
