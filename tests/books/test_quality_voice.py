"""Models' own words at the beginning and the end of a text, in seven languages; and people's, which are left alone.

The rules of books/quality_voice.py were mended on these; scripts/bench_wordings.py has others, to measure them by.
"""

import pytest

from books import quality_voice
from books.management.commands.import_sample import FOLDER
from scripts.bench_quality import PROSE

ENGLISH = "\n\n".join(PROSE[:4])
LATIN = (FOLDER / "page_03.gt.txt").read_text(encoding="utf-8")

REFUSALS = (
    "I can't make out any of the writing in this photograph, so I have nothing to transcribe.",
    "My apologies, the scan you uploaded is too low in resolution for a reliable transcription.",
    "This page appears to be protected by copyright and I won't reproduce it here.",
    "Regrettably the document could not be processed. Please upload a clearer picture.",
    "I do not see any text in the image that was provided.",
    "Translating this passage is not something I am able to do.",
    "The attached file seems to be empty or damaged; there is no text that I could translate.",
    "I'm afraid the picture is far too dark to be read.",
    "Due to content policies, I must decline to translate this material.",
    "It is impossible to transcribe the page because the photo is out of focus.",
    "Sorry, I'm just a language model and can't help with reading this scan.",
    "No transcription is possible: the image shows only a blurred surface.",
    "Leider ist das Bild zu unscharf, um den Text transkribieren zu können.",
    "Auf dieser Aufnahme ist kein lesbarer Text zu erkennen.",
    "Bei dieser Anfrage kann ich Ihnen leider nicht behilflich sein.",
    "Der Scan ist beschädigt, eine Transkription ist daher nicht möglich.",
    "Als Sprachmodell darf ich urheberrechtlich geschützte Texte nicht wiedergeben.",
    "Ich bin nicht in der Lage, die Schrift auf dem hochgeladenen Foto zu entziffern.",
    "Die Seite konnte nicht übersetzt werden, weil kein Text vorliegt.",
    "L'image est trop floue pour que je puisse en déchiffrer le texte.",
    "Désolé, aucun texte lisible n'apparaît sur cette photo.",
    "Il m'est impossible de traduire ce document, car il est illisible.",
    "En tant que modèle de langage, je ne suis pas autorisé à reproduire ce contenu.",
    "La numérisation fournie ne contient pas de texte que je puisse transcrire.",
    "Lo siento, no me es posible transcribir esta página.",
    "La imagen está demasiado borrosa y no se puede leer el texto.",
    "No hay ningún texto visible en el archivo que has subido.",
    "Como modelo de lenguaje, no puedo reproducir material protegido por derechos de autor.",
    "Mi dispiace, ma l'immagine è troppo sfocata per essere trascritta.",
    "Non è possibile leggere il testo di questa scansione.",
    "Purtroppo non riesco a tradurre questa pagina.",
    "Sorry, de foto is te wazig om de tekst te kunnen lezen.",
    "Ik kan deze pagina helaas niet vertalen.",
    "Er staat geen leesbare tekst op de afbeelding.",
    "Infelizmente, não consigo ler o texto desta imagem.",
    "A digitalização está ilegível, por isso não é possível transcrever a página.",
    "The handwriting is beyond what I can decipher, so I'll leave this page out.",
    "Nothing on this scan can be recognised with any confidence.",
    "Apologies, your request involves material I'm not allowed to output.",
    "There seems to be a problem with the image; it did not load.",
    "I must respectfully refuse to continue with this text.",
    "Unable to comply: the content may violate usage policies.",
    "Could you send a sharper photograph? At this size the letters run together and I can't tell them apart.",
    "The source text is missing, so no translation can be given.",
    "My training does not permit me to copy out published works in full.",
    "This is not a document I can work with.",
    "OCR failed.",
    "Translation unavailable for this page.",
    "I have no way of viewing pictures.",
    "The quality of the picture makes a faithful transcript impossible.",
    "Diese Vorlage lässt sich leider nicht auswerten.",
    "Für diese Seite kann keine Übersetzung angeboten werden.",
    "Entschuldigung, ich sehe hier kein Bild.",
    "Das Foto ist verwackelt; ich erkenne keine Buchstaben.",
    "Aus rechtlichen Gründen gebe ich den Inhalt nicht wieder.",
    "Bitte laden Sie die Seite in höherer Auflösung hoch, so ist sie nicht zu lesen.",
    "Je regrette, mais cette page ne peut pas être retranscrite.",
    "Je ne vois aucune image dans votre message.",
    "Le scan est trop abîmé pour une lecture fiable.",
    "Pour des raisons de droits, je dois refuser cette traduction.",
    "La qualité de la photo ne permet pas de distinguer les lettres.",
    "Me temo que la foto no tiene suficiente calidad para leerla.",
    "No estoy autorizado a traducir este texto.",
    "El archivo adjunto no se ha podido abrir.",
    "Non vedo alcuna immagine allegata.",
    "La foto è di qualità insufficiente per una trascrizione attendibile.",
    "Non mi è consentito tradurre questo testo.",
    "Deze scan is te slecht om over te schrijven.",
    "Ik zie geen afbeelding bij uw bericht.",
    "Não tenho permissão para traduzir este texto.",
    "A foto está tremida e as letras não se distinguem.",
)

PREAMBLES = (
    "Below you will find my transcription of the scanned page.",
    "The text on this page reads as follows:",
    "Transcription of the page (Latin, 1520):",
    "I've gone through the image carefully. This is what it says:",
    "Absolutely! Here's what is written in the picture:",
    "## OCR output",
    "English translation:",
    "**Translation (English)**",
    "Got it. I will now transcribe the page.",
    "What follows is a translation of the passage into modern English.",
    "Page transcription",
    "As requested, the complete text of the image:",
    "Gern, nachfolgend der Text der Seite:",
    "Die Übersetzung lautet:",
    "**Transkription:**",
    "Ich habe die Seite wie gewünscht transkribiert.",
    "Hier der vollständige Text des Bildes:",
    "Bien sûr, voici ce qui est écrit sur la page :",
    "Traduction française :",
    "J'ai transcrit le texte de l'image ci-dessous.",
    "Le texte de la page est le suivant :",
    "Claro, aquí está el texto de la imagen:",
    "A continuación se muestra la transcripción:",
    "Traducción al inglés:",
    "Certo! Di seguito il testo della pagina:",
    "Ecco quanto riportato nell'immagine:",
    "Hieronder staat de tekst van de pagina:",
    "De vertaling luidt als volgt:",
    "Segue abaixo o texto da página:",
    "Tradução para o inglês:",
    "Here you go, the page in plain text:",
    "Let me transcribe this for you.",
    "Latin text, as printed:",
    "### Transcript",
    "My reading of the page is as follows:",
    "The image contains this text:",
    "Below is the English rendering of the Latin original.",
    "Rendered into English, the passage reads:",
    "Sure thing! The transcribed text is:",
    "This is a diplomatic transcription of the scan.",
    "Result of the OCR:",
    "Translated from Latin:",
    "I will keep the original line breaks in this transcription.",
    "Selbstverständlich! Der Text der Seite lautet:",
    "Abschrift der Seite 12:",
    "Es folgt die deutsche Übersetzung.",
    "Ich übersetze die Seite nun ins Deutsche:",
    "Erkannter Text:",
    "Voilà la page transcrite :",
    "Ci-après la traduction de la page :",
    "Je transcris la page telle qu'elle est imprimée :",
    "Texte reconnu :",
    "Esta es la transcripción completa de la página:",
    "Con gusto. El texto dice lo siguiente:",
    "Texto transcrito:",
    "Questa è la traduzione italiana del brano:",
    "Testo trascritto:",
    "Dit is de tekst die op de scan staat:",
    "Esta é a transcrição da página:",
)

CLOSINGS = (
    "I hope you find this transcription useful!",
    "Would you like a translation as well?",
    "Please note that some words in the scan were hard to read.",
    "(Note: a stain covers the lower third of the image, so parts of the text are missing.)",
    "If anything is unclear, just ask and I will check the page again.",
    "*Disclaimer: this translation was generated automatically.*",
    "Feel free to send the next page.",
    "Anmerkung: Einige Wörter im Bild waren schwer zu lesen.",
    "Soll ich auch die nächste Seite transkribieren?",
    "Ich hoffe, die Übersetzung hilft Ihnen weiter.",
    "Remarque : certaines parties de l'image sont illisibles.",
    "N'hésitez pas si vous souhaitez une autre traduction.",
    "Nota: algunas palabras de la imagen no se distinguen bien.",
    "¿Quieres que traduzca también la siguiente página?",
    "Fammi sapere se ti serve anche la traduzione.",
    "Opmerking: een deel van de tekst op de afbeelding ontbreekt.",
    "Shall I go on with the following page?",
    "That is the whole of the text visible in the image.",
    "Hope that helps!",
    "[Transcriber: two words near the lower edge of the scan are uncertain.]",
    "Happy to adjust the style of the translation if you prefer.",
    "End of transcription.",
    "Just tell me when you want the next scan transcribed.",
    "The remainder of the picture is cropped and could not be transcribed.",
    "Gerne übersetze ich auch die übrigen Seiten.",
    "Falls Sie Fragen zur Übersetzung haben, melden Sie sich gern.",
    "Hinweis: Der untere Rand des Scans ist abgeschnitten.",
    "Dites-moi si vous avez besoin de la page suivante.",
    "J'espère que cette transcription vous sera utile.",
    "Si quieres, puedo traducir también el resto.",
    "Spero che la trascrizione sia utile.",
    "Laat het me weten als de vertaling anders moet.",
)

# Beginnings and ends of texts in which a person speaks.
HARMLESS = (
    "I cannot read your verses, my friend, without tears; for every page of them recalls the brother whom we lost.",
    "The reader will find here no picture of courts, and no translation of Homer, but what I saw with my own eyes.",
    "He could not see the image of the goddess, so dark was the temple, and he went away again without a word.",
    "Of course the king was angry, and those who had brought the letter wished that they had never learned to read.",
    "Here is the place where the two rivers meet, and here, they say, the first page of our history was written.",
    "Note: the coins that are named on the following page were worth four times as much in those days.",
    "It is not possible to say in few words what that man did for the city; let others try who have more leisure.",
    "Certainly, he said, the law is hard, but it has been written down so that all may read it and none be surprised.",
    "TO THE READER. This translation was begun in my youth, and is now given to the press at the request of friends.",
    "I am unable to tell you how great was the joy of the people when the document with the seal was read to them.",
    "The following is what the old man told us while we sat by the fire: that there had been a village on the hill.",
    "Sorry as I was to leave, I could not stay; the text of the treaty had arrived, and it had to be read that night.",
    "If you wish to know more of this, read the next page, where the whole matter is set forth at length.",
    "I could not copy out all that stands upon the stone, for the letters are worn; what can be read is this.",
    "Let me say first, reader, that this book was not written for the learned, nor for those who cannot wait.",
    "The page whom the queen had sent could not be found, and nobody would read the letter aloud in his place.",
    "It is impossible to give in our tongue the sweetness of these lines, and no translation has ever done it.",
    "There is no picture of him from those years, and nothing that he wrote before the war has come down to us.",
    "We have seen no document in which the name occurs, and we are not able to say when the house was built.",
    "Okay was not a word that my grandfather knew; he said yes or he said nothing at all.",
    "If you need wood, take it from the north side of the hill, and let me know before winter how much is left.",
    "I hope that this little volume will be as useful to the young as it was pleasant to me who made it.",
    "Would you like to know what became of the miller? Then turn the page, and you shall hear.",
    "What follows I had from the captain himself, who wrote it down the same night by the light of the fire.",
)


@pytest.mark.parametrize("said", REFUSALS)
def test_a_refusal_in_place_of_a_page_is_found(said: str) -> None:
    assert quality_voice.refusal(said, alone=True)


@pytest.mark.parametrize("said", PREAMBLES)
def test_an_announcement_before_latin_is_found(said: str) -> None:
    assert quality_voice.announcement(f"{said}\n\n{LATIN}") == said
    assert quality_voice.announcement(said) == "", "nothing follows it"


@pytest.mark.parametrize("said", CLOSINGS)
def test_a_closing_remark_after_latin_is_found(said: str) -> None:
    assert quality_voice.closing(f"{LATIN}\n\n{said}") == said


@pytest.mark.parametrize(
    "said", ["Sure! Here is the translation:", "English translation:", "**Translation (English)**"]
)
def test_an_announcement_in_the_language_of_the_text_is_found(said: str) -> None:
    assert quality_voice.announcement(f"{said}\n\n{ENGLISH}") == said


@pytest.mark.parametrize("said", HARMLESS)
def test_people_may_speak_of_pages_pictures_and_reading(said: str) -> None:
    for text in (f"{said} {ENGLISH}", f"{said}\n\n{ENGLISH}", f"{ENGLISH}\n\n{said}"):
        assert quality_voice.refusal(text, alone=False) == ""
        assert quality_voice.announcement(text) == ""
        assert quality_voice.closing(text) == ""


def test_a_long_page_that_begins_with_a_refusal_is_one_too() -> None:
    assert quality_voice.refusal(f"I cannot transcribe this scan in full. {ENGLISH}", alone=False)
    assert quality_voice.refusal(f"As an AI, I have my limits. {ENGLISH}", alone=False)
