"""Languages as people name them become the shortest ISO 639 code; unknown stays unknown."""

import subprocess
import sys

import langcodes
import pytest

from books.languages import direction_of, name_of, normalise, script_of
from sourcebatch.lib.show import ENGLISH


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Latin", "la"), ("lat", "la"), ("la", "la"), (" LA ", "la"), ("Lateinisch", "la"), ("Neo-Latin", "la"),
        ("German", "de"), ("deutsch", "de"), ("ger", "de"), ("deu", "de"), ("de-AT", "de-AT"), ("pt_BR", "pt-BR"),
        ("fre", "fr"), ("français", "fr"), ("frm", "frm"), ("Greek", "el"), ("gre", "el"),
        ("Altgriechisch", "grc"), ("Greek, Ancient (to 1453)", "grc"), ("Hebrew", "he"), ("iw", "he"), ("yid", "yi"),
        ("zh-Hant", "zh-Hant"), ("per", "fa"), ("Middle High German", "gmh"), ("", ""), ("und", ""), ("Unknown", ""),
    ],
)  # fmt: skip
def test_i29_names_and_codes_become_the_shortest_code(given: str, code: str) -> None:
    assert normalise(given) == code


@pytest.mark.parametrize("given", ["xx", "qqq", "123", "a", "foo bar", "Lat;n", "<script>", "l" * 500])
def test_what_is_no_language_is_refused_with_a_sentence(given: str) -> None:
    with pytest.raises(ValueError, match="is not a language this system knows: use an ISO 639 code"):
        normalise(given)


@pytest.mark.parametrize(
    ("code", "name", "direction", "script"),
    [
        ("la", "Latin", "ltr", "Latn"), ("grc", "Ancient Greek", "ltr", "Grek"), ("he", "Hebrew", "rtl", "Hebr"),
        ("yi", "Yiddish", "rtl", "Hebr"), ("ar", "Arabic", "rtl", "Arab"), ("syc", "Classical Syriac", "rtl", "Syrc"),
        ("ja", "Japanese", "ltr", "Jpan"), ("", "unknown language", "ltr", ""),
        ("no such thing!", "no such thing!", "ltr", ""),
    ],
)  # fmt: skip
def test_a_code_has_a_name_a_direction_and_a_script(
    code: str, name: str, direction: str, script: str
) -> None:
    assert (name_of(code), direction_of(code), script_of(code)) == (name, direction, script)


def test_the_names_kept_here_are_those_of_the_library_of_names() -> None:
    theirs = {code: langcodes.Language.get(code).display_name("en") for code in ENGLISH}
    assert theirs == ENGLISH


def test_common_names_need_no_table_of_all_the_names_there_are() -> None:
    script = (
        "import sys, django; django.setup()\n"
        "from sourcebatch.lib.show import language_name\n"
        "from books.languages import name_of\n"
        "assert (language_name('la'), name_of('de')) == ('Latin', 'German')\n"
        "assert 'language_data.names' not in sys.modules, 'loaded'\n"
        "assert language_name('yi') == 'Yiddish'\n"
        "assert 'language_data.names' in sys.modules, 'this test looks for the wrong module'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
