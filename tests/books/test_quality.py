"""Each rule finds what it is for, says so in a sentence, and leaves real pages alone."""

import random
import time
from pathlib import Path

import pytest

from books import quality
from books.quality import Context, Finding
from localgemini.untranslated import stand_in

PAGES = Path(__file__).parents[2] / "books" / "sample"
LATIN = Context(language="la", ink=0.12, book_median_length=1000)
ENGLISH = (
    "The first of these verses was made by the author when he was young and had but lately come from the "
    "schools. It is not known to whom they were sent, nor whether the answer that he had hoped for came in his "
    "lifetime. His friends have told that he was not displeased with them, and that he kept a copy in his house "
    "until the day of his death, which was in the month of July."
)
SOURCE = (
    "Primum horum carminum auctor iuvenis scripsit, cum nuper e scholis venisset. Cui missa sint ignoratur, neque "
    "constat utrum responsum quod speraverat vivo ei redditum sit. Amici narraverunt non displicuisse ei, et "
    "exemplar domi servasse usque ad diem mortis, quae fuit mense Iulio anni insequentis, ut supra dictum est."
)

OTHER = (
    "Nobody who has read the second can believe that one hand wrote both; yet so it stands in the oldest copies. "
    "They were printed together at Basel, and the printer praises them to his readers as the work of one man."
)


def translated(text: str = ENGLISH, source: str = SOURCE, **more: object) -> list[Finding]:
    context = Context(kind="translation", language="la", target_language="en", source_text=source, **more)  # type: ignore[arg-type]
    return quality.check(text, context)


def found(text: str, context: Context = LATIN) -> dict[str, str]:
    return {finding.rule: finding.severity for finding in quality.check(text, context)}


def pages() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.gt.txt"))]


def test_real_pages_and_a_real_translation_have_nothing_suspicious() -> None:
    assert len(pages()) == 12
    assert [quality.check(page, LATIN) for page in pages()] == [[]] * 12
    assert translated() == []


@pytest.mark.parametrize(
    "phrase",
    [
        "et ", "ora pro nobis ", "et cetera in saecula saeculorum amen ", "1. item huius libri ",
        SOURCE[:150] + "\n", SOURCE + "\n\n", "天地玄黃宇宙洪荒", "a",
    ],
)  # fmt: skip
def test_i23_loops_of_short_and_long_periods_fail(phrase: str) -> None:
    text = pages()[0][:300] + phrase * (8000 // len(phrase))
    assert found(text)["loop"] == "fail"


def test_i23_a_loop_that_counts_up_is_one() -> None:
    text = "\n".join(f"{n}. Idem auctor in libro {n} eadem dicit de rebus iisdem." for n in range(200))
    assert found(text)["loop"] == "fail"


def test_i23_the_sentence_shows_what_is_repeated() -> None:
    [first] = quality.check(pages()[0] + "ora pro nobis peccatoribus " * 80, LATIN)
    assert "“ora pro nobis peccatoribus” comes 80 times" in first.reason


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(
            f"Sancte {name}, ora pro nobis."
            for name in ["Petre", "Paule", "Andrea", "Iacobe", "Ioannes", "Thoma"]
        ),
        "Kyrie eleison. " * 9,
        "| Anno | Summa |\n" + "\n".join(f"| {1500 + n} | {n * 7} |" for n in range(60)),
        "\n".join(f"Cap. {n} {'. ' * 30} {n + 4}" for n in range(40)),
        "Gloria Patri et Filio et Spiritui Sancto. " * 3,
    ],
)
def test_i23_litanies_tables_and_refrains_are_no_loops(text: str) -> None:
    assert "loop" not in found(pages()[1] + text)


def test_i23_a_short_loop_on_a_long_page_is_only_flagged() -> None:
    text = "\n".join(pages()) + "amen dico vobis fratres " * 12
    assert found(text, Context(language="la"))["loop"] == "flag"


def test_i23_a_page_written_twice_is_found() -> None:
    assert "loop" in found(pages()[3] * 2)


def test_i23_a_runaway_of_192156_characters_is_measured_within_50_ms() -> None:
    letters = random.Random(7)
    shapes = [
        "et cetera et cetera in saecula saeculorum ",
        "".join(pages()),
        "a",
        "..... 12 ",
        " ".join(str(letters.random()) + "x" for _ in range(1000)),
    ]
    for shape in shapes:
        text = (shape * (192_156 // len(shape) + 1))[:192_156]
        best = min(_seconds(text) for _ in range(5))
        assert best < 0.05, shape[:20]


def _seconds(text: str) -> float:
    start = time.process_time()
    assert quality.loop(text, LATIN)
    return time.process_time() - start


@pytest.mark.parametrize("dots", ["." * 9000, "- " * 4000, "0 1 2 3 " * 2000])
def test_i23_thousands_of_signs_are_a_loop(dots: str) -> None:
    assert found(pages()[0] + dots)["loop"] == "fail"


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I cannot transcribe this image.",
        "I cannot transcribe this page because it is blurred.",
        "As an AI language model I do not have access to images.",
        "Ich kann dieses Bild nicht lesen.",
    ],
)
def test_a_refusal_fails(text: str) -> None:
    assert found(text)["refusal"] == "fail"


def test_a_person_in_a_book_may_be_sorry() -> None:
    assert "refusal" not in {
        each.rule for each in translated("I am sorry to hear of it, he wrote. " + ENGLISH)
    }


@pytest.mark.parametrize(
    "text",
    [
        "Here is the best I can do with the transcription\n\n" + SOURCE,
        SOURCE + "\n\nNote: The image is blurred at the bottom.",
        SOURCE + "\n\n*Translator's note: the name is uncertain.*",
    ],
)
def test_a_remark_that_may_be_the_models_is_flagged(text: str) -> None:
    assert found(text)["preamble"] == "flag"


@pytest.mark.parametrize(
    "text", ["[insert text here]", "Lorem ipsum dolor sit amet", "[Your translation goes here]"]
)
def test_filling_material_fails(text: str) -> None:
    assert found(text)["placeholder"] == "fail"


def test_the_stand_ins_placeholder_is_flagged_as_one_and_nothing_else() -> None:
    for page in pages():
        [finding] = translated(stand_in([page]), page)
        assert (finding.rule, finding.severity) == ("not_translated", "flag")


def test_a_text_beside_the_word_for_blank_is_flagged() -> None:
    assert found("[[blank]]\n\nEx libris")["stray_marker"] == "flag"


@pytest.mark.parametrize(
    ("text", "first"),
    [("[[margin: unum", "[[margin:"), ("duo]] tria", "]]"), ("[[footnote: x]]", "[[footnote:")],
)
def test_broken_tags_are_named(text: str, first: str) -> None:
    [finding] = quality.check(text, Context(language="la"))
    assert finding.rule == "broken_tags" and first in finding.reason


def test_tags_inside_each_other_are_whole() -> None:
    assert found("[[margin: unum [[unclear: duo]] tria]]", Context(language="la")) == {}


def test_i24_more_than_a_page_can_hold_is_found() -> None:
    words = " ".join(
        f"{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(26) for b in range(26) for c in range(26)
    )
    assert found(words[:25_000], Context())["too_long"] == "flag"
    assert found((words + words[::-1])[:90_000], Context())["too_long"] == "fail"


def test_i24_far_more_than_the_books_other_pages_is_flagged() -> None:
    text = "\n".join(pages()[:6])
    assert found(text, Context(language="la", book_median_length=1000))["too_long"] == "flag"
    assert found(text, Context(language="la", book_median_length=4000)) == {}


def test_i24_a_long_text_from_a_nearly_empty_page_is_flagged() -> None:
    assert found(pages()[2], Context(language="la", ink=0.003))["more_than_the_ink"] == "flag"
    assert found("Ex libris Beati Rhenani", Context(language="la", ink=0.001)) == {}


def test_a_transcription_in_other_letters_than_the_languages_is_flagged() -> None:
    greek = (
        "Μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος οὐλομένην, ἣ μυρί’ Ἀχαιοῖς ἄλγε’ ἔθηκε, πολλὰς δ’ ἰφθίμους ψυχὰς "
        * 2
    )
    assert found(greek)["wrong_script"] == "flag"
    assert "wrong_script" not in found(greek, Context(language="grc"))
    assert "wrong_script" not in found(greek, Context())


def test_a_translation_in_other_letters_fails() -> None:
    russian = "Первое из этих стихотворений автор написал ещё юношей, когда только что вышел из школы, и дошло оно. "
    assert "wrong_script" in {each.rule for each in translated(russian * 2 + russian[::-1])}


def test_a_translation_into_another_language_is_flagged() -> None:
    german = (
        "Das erste dieser Gedichte hat der Verfasser als junger Mann geschrieben, als er eben von der Schule kam. "
        "Wem sie gesandt wurden, ist nicht bekannt, und auch nicht, ob die Antwort zu seinen Lebzeiten "
        "eintraf. Die Freunde "
        "berichten, daß sie ihm nicht mißfielen und daß er eine Abschrift bis zu seinem Tode bewahrt hat."
    )
    [finding] = translated(german)
    assert finding.rule == "wrong_language" and "in German, not in English" in finding.reason


def test_a_translation_instead_of_a_transcription_is_flagged() -> None:
    assert found(ENGLISH)["wrong_language"] == "flag"


def test_i25_the_source_instead_of_a_translation_fails() -> None:
    assert {each.rule: each.severity for each in translated(SOURCE)}["copied"] == "fail"


def test_i25_a_passage_left_untranslated_is_flagged() -> None:
    rest = " ".join(SOURCE.split()[:30])
    assert "untranslated" in {each.rule for each in translated(ENGLISH[:250] + " " + rest)}


def test_i25_a_quotation_in_the_original_is_none_of_its_business() -> None:
    quote = " ".join(SOURCE.split()[:12])
    assert translated(f"{ENGLISH} He wrote: {quote}") == []


def test_i25_half_a_translation_is_flagged_and_a_scrap_of_one_fails() -> None:
    source = " ".join(pages()[:3])
    lengths = {each.rule: each.severity for each in translated(ENGLISH + " " + OTHER, source)}
    assert lengths == {"length_ratio": "flag"}
    assert {each.rule: each.severity for each in translated(ENGLISH[:200], source)} == {
        "length_ratio": "fail"
    }


def test_i25_the_books_usual_ratio_is_the_measure_where_there_is_one() -> None:
    assert translated(usual_ratio=1.1) == []
    assert [each.rule for each in translated(usual_ratio=3.0)] == ["length_ratio"]


def test_i25_chinese_grows_when_it_is_translated() -> None:
    assert (
        translated(
            ENGLISH, "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏閏餘成歲律呂調陽雲騰致雨露結爲霜" * 3
        )
        == []
    )


def test_a_flag_is_stored_with_its_rule_and_its_reason() -> None:
    [finding] = quality.check("[[blank]] Ex libris", Context(language="la"))
    assert finding.flag == {"rule": "stray_marker", "reason": finding.reason}


def test_no_text_is_too_odd_for_the_rules() -> None:
    rng = random.Random(3)
    signs = "a[]:-\n .μ中\ud800\u200f١"
    for length in [0, 1, 2, 3, 5, 50, 500]:
        text = "".join(rng.choice(signs) for _ in range(length))
        for kind in ("ocr", "translation"):
            quality.check(text, Context(kind=kind, language="zz", target_language="", source_text=text))
