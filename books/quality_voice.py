"""Whether a model speaks for itself at the beginning or the end of a text: refusals, announcements, closing remarks.

Models word this in endless ways, so no list of sentences is searched for, and words alone never decide. What decides
is where a sentence stands, what it speaks of, and what it is like beside the rest:

- A refusal says that something does not work, and speaks of the work, where there is next to no text besides; where
  there is a whole page, only words that no old book has (scan, upload, OCR, language model, copyright) are enough.
- An announcement is the first line, a closing remark the last paragraph. It speaks of the work, and ends with a colon,
  or is said by an I to a you, or is in another language than the text.
"""

import re
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One language in which models answer, as parts of regular expressions.

    `not_`: that something does not work or is not there; `work`: what only a model speaks of; `near`: what may be the
    work, and may be anything else; `says`: what announces something; `person`: an I, a you; `little`: words that every
    sentence of the language has; `notes`: what a remark begins with.
    """

    not_: str
    work: str
    near: str
    says: str
    person: str
    little: str
    notes: str


VOICES = {
    "en": Voice(
        r"not|\w+n[’']t|cannot|no|none|nothing|never|unable|impossible|fail(?:s|ed|ure)?|refuse|decline|missing|beyond"
        r"|without|unavailable|unsupported|illegible|unreadable|too|insufficient|problem|error|empty|damaged|violat\w+",
        r"transcri\w+|OCR|photo\w*|scan(?:s|ned)?|upload\w*|copyright\w*|resolution|blurr?\w*|out of focus|AI|cropped"
        r"|language model|polic(?:y|ies)|guidelines|assist|attach\w+|automatic\w*|generated|unsupported|training"
        r"|(?:image|picture|document|file) (?:you )?(?:was |is )?(?:provided|shared|sent)|your (?:image|file|request)",
        r"images?|pictures?|pages?|texts?|documents?|files?|read\w*|legib\w+|translat\w+|contents?|requests?|process\w*"
        r"|passage|letters|words|handwriting|lines?|original|render\w+|recogni[sz]\w+|decipher\w*|output|printed",
        r"here(?:[’']s| is| are| you)|below|following|follows|reads|says|contains"
        r"|this is|let me|as requested",
        r"I(?:[’'](?:m|ve|ll|d))?|me|my|you|your|let[’']s|hope|happy|sure|please|shall|feel free|would you",
        r"the|is|are|was|of|and|to|in|this|that|it|be|for|with|as|at|on|from|what|have|has|will|can|could|an?|any|so|if",
        r"(?:please )?note(?: that)?|n\.?b\.?|disclaimer|remark|end of"
        r"|(?:the )?(?:transcriber|translator)(?:[’']s note)?",
    ),
    "de": Voice(
        r"nicht\w*|kein\w*|un(?:möglich|les\w+|leser\w+)|fehl\w+|leider|zu|verweiger\w+|ohne|beschädigt|abgeschnitten",
        r"trans[ck]ri\w+|OCR|Fotos?|Aufnahmen?|Scans?|hochgeladen\w*|laden|urheberrecht\w*|Auflösung|unscharf|verwackelt"
        r"|verschwommen|KI|Sprachmodell|Richtlinien|behilflich|bereitgestellt\w*|rechtlich\w*",
        r"Bild\w*|Seiten?|Text\w*|Dokument\w*|Datei\w*|les\w+|lesbar|entziffer\w+|übersetz\w+|Inhalt\w*|Anfrage"
        r"|erkenn\w+|erkannt\w*|Schrift|Buchstaben|Wörter|Vorlage|Abschrift|Wiedergabe|auswerten",
        r"hier(?: ist| der| die| das)?|nachfolgend|nachstehend|im Folgenden|folg\w+|lautet|wie gewünscht|nun",
        r"ich|mir|mich|Sie|Ihnen|Ihr\w*|bitte|gern\w*|soll|selbstverständlich|natürlich|melden",
        r"der|die|das|ist|und|zu|in|den|dem|des|ein\w*|auf|für|mit|von|auch|so|wird|werden|sich|es|diese\w*|zur|habe",
        r"Anmerkung|Hinweis|Bemerkung|Ende der",
    ),
    "fr": Voice(
        r"ne|n[’'](?:est|ai|a|y|apparaît)|pas|aucune?|impossible|illisibles?|incapable|refus\w+|trop|sans|manqu\w+|abîmée?",
        r"(?:re)?transcri\w+|OCR|photos?|scan\w*|numéris\w+|télécharg\w+|téléversé\w*|fournie?|droits?|résolution"
        r"|floue?|IA|modèle de langage|consignes",
        r"images?|pages?|textes?|documents?|fichiers?|lire|lecture|lisibles?|déchiffr\w+|tradui\w+|traductions?|contenu"
        r"|demande|écrite?|lettres|mots|reconnue?|imprimée?|passage",
        r"voici|voilà|ci-dessous|ci-après|suivante?|comme demandé|telle? qu",
        r"je|j[’']\w+|me|m[’']\w+|vous|votre|vos|n[’']hésitez|dites|souhaitez|voulez|bien sûr|regrette|désolée?",
        r"le|la|les|de|des|du|est|et|en|un|une|que|qui|dans|pour|sur|ce|cette|cet|il|à|au|sont|si",
        r"remarque|note|avertissement|fin de",
    ),
    "es": Voice(
        r"no|ningún|ninguna?|imposible|ilegibles?|incapaz|demasiado|sin|falta\w*|temo",
        r"transcri\w+|OCR|fotos?|escane\w+|escáner|subid\w+|cargad\w+|adjunt\w+|derechos de autor|resolución|borros\w*"
        r"|IA|modelo de lenguaje|políticas|autorizad\w+|calidad",
        r"imagen|páginas?|textos?|documentos?|archivo|leer\w*|legibles?|descifrar|tradu\w+|contenido|solicitud|escrito"
        r"|palabras|letras|reconocid\w+|impres\w+",
        r"aquí|a continuación|siguiente|dice|esta es|este es",
        r"me|te|tu|le|quieres?|desea|puedo|gusto|claro|espero|avísame|házmelo|dudes|necesitas?",
        r"el|la|los|las|de|del|que|en|un|una|y|es|está|para|por|con|se|ha|lo|si|también|muy",
        r"nota|aviso|observación|fin de",
    ),
    "it": Voice(
        r"non|nessun\w*|impossibile|illeggibil[ei]|incapace|troppo|senza|manca\w*|insufficiente|purtroppo|dispiace",
        r"trascri\w+|OCR|foto|scansion\w+|caricat\w+|allegat\w+|fornit\w+|diritt\w+|risoluzione|sfocat\w*|IA"
        r"|modello linguistico|linee guida|qualità|consentit\w+",
        r"immagine|pagin\w+|test[oi]|document\w+|file|legger\w*|leggibil\w*|decifrar\w*|tradu\w+|tradotto|contenuto"
        r"|richiesta|parole|lettere|brano|riconosciut\w+|riportat\w+|stampat\w+",
        r"ecco|di seguito|seguente|qui sotto|questa è|questo è|riportat\w+",
        r"io|mi|ti|tuo|vuoi|posso|spero|fammi|faccia|certo|hai|vedo|riesco",
        r"il|la|lo|i|gli|le|di|del|della|dell[’']\w+|che|è|e|per|un|una|con|da|al|alla|si|sia|in|nell[’']\w+|questa?o?|anche",
        r"nota|avvertenza|osservazione|fine della",
    ),
    "nl": Voice(
        r"niet|geen|onmogelijk|onleesbaar|te|helaas|zonder|ontbreekt|slecht",
        r"transcri\w+|OCR|foto|scans?|geüpload\w*|aangeleverd\w*|auteursrecht\w*|resolutie|wazig|onscherp|AI|taalmodel"
        r"|richtlijnen",
        r"afbeelding\w*|pagina\w*|tekst\w*|document|bestand|lezen|leesba\w+|vertal\w+|inhoud|verzoek|letters|woorden"
        r"|schrijven|herkend\w*|gedrukt\w*",
        r"hier(?:onder|na)?|als volgt|volg\w+|dit is|luidt",
        r"ik|me|mij|u|uw|je|wilt|graag|hoop|laat|natuurlijk",
        r"de|het|een|is|van|op|en|om|die|dat|voor|bij|met|staat|kan|deze|als|deel|zie",
        r"opmerking|let op|noot|einde van",
    ),
    "pt": Voice(
        r"não|nenhuma?|impossível|ilegíve\w+|incapaz|muito|demasiado|sem|falta\w*|infelizmente|tremida",
        r"transcri\w+|transcrever|OCR|fotos?|digitaliza\w+|enviad\w+|carregad\w+|fornecid\w+|direitos autorais"
        r"|resolução|desfocad\w*|IA|modelo de linguagem|diretrizes|permissão",
        r"imagem|páginas?|textos?|documento|arquivo|ficheiro|ler|legíve\w+|decifrar|tradu\w+|conteúdo|solicitação"
        r"|palavras|letras|reconhecid\w+|impress\w+",
        r"aqui está|segue|abaixo|a seguir|seguinte|esta é|este é",
        r"eu|me|você|seu|sua|posso|quer|espero|gostaria|consigo|tenho|avise-me",
        r"o|a|os|as|de|do|da|em|um|uma|que|e|é|para|por|com|se|na|no|nesta|desta|foi|está",
        r"nota|observação|aviso|fim da",
    ),
}
# A name of the work and nothing else, on a line of its own: in any of the languages, with the language or the page.
WORK_NAMES = (
    r"trans[ck]ri\w+|abschrift|trascri\w+|OCR|translat(?:ion|ed)|übersetz(?:ung|t)|traducción|traducid[oa]|traduction"
    r"|traduite?|traduzione|tradotto|vertal(?:ing|d)|tradução|traduzid[oa]|recogni[sz]ed|erkannter|reconnu|reconocido"
    r"|riconosciuto|herkende|reconhecido"
)
LABEL = re.compile(
    rf"[#*_\[( ]*(?:[\w-]+ ){{0,3}}(?:{WORK_NAMES})(?: [\w-]+){{0,4}}(?: ?\([^)\n]{{1,40}}\))?", re.IGNORECASE
)
NAMED = re.compile(rf"\b(?:{WORK_NAMES})\b", re.IGNORECASE)
PICTURE = re.compile(
    r"\b(?:image|picture|photo|scan|Bild|imagen|immagine|afbeelding|imagem)\b", re.IGNORECASE
)
LONGEST_LABEL = 50
NAMED_ITSELF = re.compile(
    r"\bas an AI\b|\b(?:as a|I am a|I'm (?:just )?a) (?:large )?language model\b|\bals (?:KI|Sprachmodell)\b"
    r"|\ben tant que modèle de langage\b|\bcomo modelo de lenguaje\b|\bcomo um modelo de linguagem\b"
    r"|\bcome modello linguistico\b|\bals taalmodel\b",
    re.IGNORECASE,
)
SIGNED_NOTE = re.compile(
    r"[(\[*_ ]*(?:(?:transcriber|translator)['’]s note|note d[eu] (?:traducteur|transcription)"
    r"|Anmerkung des Übersetzers|nota del tradu(?:ctor|ttore)|nota do tradutor)\W",
    re.IGNORECASE,
)
# Characters: how far into a text a model speaks before it is at work; how long its lines and closing remarks are.
BEGINNING, LONGEST_LINE, LONGEST_CLOSING = 500, 250, 400
# Of a sentence's words: the share that must be of a language for it to be that language.
LEAST_HEARD = 0.3
LATIN = "et in ad non cum ut est quod sed qui quae ex ab hoc per sunt enim aut atque etiam nec si tibi quam"
SENTENCE = re.compile(r"[^.!?\n:;]+[.!?:;]*")
WORD = re.compile(r"[^\W\d_]+")
Part = re.Pattern[str]


@dataclass(frozen=True)
class _Compiled:
    """A voice, ready to be searched for."""

    not_: Part
    work: Part
    near: Part
    says: Part
    person: Part
    little: Part
    notes: Part

    def weight(self, sentence: str) -> int:
        """How much of the model's work a sentence speaks of: a word of its own counts twice, each word once."""
        surely = {found[0].lower() for found in self.work.finditer(sentence)}
        return 2 * len(surely) + len({found[0].lower()[:5] for found in self.near.finditer(sentence)})


def _compiled(voice: Voice) -> _Compiled:
    def words(part: str) -> Part:
        return re.compile(rf"(?<!\w)(?:{part})(?!\w)", re.IGNORECASE)

    return _Compiled(
        not_=words(voice.not_), work=words(voice.work), near=words(voice.near), says=words(voice.says),
        person=words(voice.person), little=words(voice.little),
        notes=re.compile(rf"[(\[*_ ]*(?:{voice.notes})\W", re.IGNORECASE),
    )  # fmt: skip


_VOICES = {code: _compiled(voice) for code, voice in VOICES.items()}
_LATIN = re.compile(rf"\b(?:{LATIN.replace(' ', '|')})\b", re.IGNORECASE)


def refusal(text: str, *, alone: bool, language: str = "") -> str:
    """The sentence in which the model says that it cannot or will not, or nothing.

    `alone`: there is far less text than the page must have, so what there is may well be nothing but an answer; then
    it need only be in another language than the text must be in, which `language` is, where that is known.
    """
    if alone and language and (said := _in_another(text, language)):
        return said
    for sentence in _sentences(text[:BEGINNING])[:4]:
        if NAMED_ITSELF.search(sentence):
            return sentence
        voice = _VOICES.get(_tongue(sentence))
        if voice is None or not voice.not_.search(sentence):
            continue
        if alone and voice.weight(sentence) >= 1:
            return sentence
        if voice.work.search(sentence) and voice.weight(sentence) >= 2 and _is_said(voice, sentence):
            return sentence
    return ""


def announcement(text: str) -> str:
    """The line at the beginning in which the model says what follows, or nothing."""
    line, _, rest = text.lstrip().partition("\n")
    line = line.strip()
    if not line or len(line) > LONGEST_LINE or not rest.strip():
        return ""
    bare = line.strip("*_#[]() ")
    colon, apart = bare.endswith(":"), rest.startswith("\n")
    labels = LABEL.fullmatch(line.rstrip(":*_] ")) is not None and len(bare) <= LONGEST_LABEL
    if labels and (apart or colon or line[0] in "#*_["):
        return line
    voice = _VOICES.get(_tongue(bare))
    if voice is None:
        return ""
    weight = voice.weight(bare)
    says = bool(voice.says.search(bare))
    told = says + bool(voice.person.search(bare))
    if _is_foreign(bare, rest):
        return line if weight + told + colon >= 2 and (weight or told) and (colon or apart) else ""
    if colon and weight and (told or weight >= 2):
        return line
    surely = voice.work.search(bare) or (says and weight >= 2 and NAMED.search(bare))
    return line if apart and surely and told else ""


def closing(text: str) -> str:
    """The last paragraph, when the model takes leave in it or remarks on its work; or nothing."""
    before, _, last = text.rstrip().rpartition("\n\n")
    last = last.strip()
    if not before or len(last) > LONGEST_CLOSING:
        return ""
    if SIGNED_NOTE.match(last):
        return last
    voice = _VOICES.get(_tongue(last))
    if voice is None:
        return ""
    weight, said = voice.weight(last), bool(voice.person.search(last))
    note = bool(voice.notes.match(last))
    if _is_foreign(last, before):
        return last if weight or said or note else ""
    if note and weight >= 2 and PICTURE.search(last):
        return last
    surely = voice.work.search(last) or (NAMED.search(last) and last.rstrip("*_)]").endswith(("?", "!")))
    return last if surely and (note or said) else ""


def _in_another(text: str, language: str) -> str:
    """The first sentence, if the whole is heard as another language by three words and more."""
    tongue = _tongue(text)
    sentences = _sentences(text[:BEGINNING])
    if not sentences or tongue in ("", language.split("-")[0]) or _heard(_VOICES[tongue], text) < 3:
        return ""
    return sentences[0]


def _is_said(voice: _Compiled, sentence: str) -> bool:
    """By an I to a you, or in so few words that little else is said."""
    return voice.person.search(sentence) is not None or len(sentence) < 120


def _tongue(words: str) -> str:
    """The language that most of a sentence's words are of; empty where none is heard or Latin is."""
    heard = Counter({code: _heard(voice, words) for code, voice in _VOICES.items()})
    best, count = heard.most_common(1)[0]
    enough = max(len(_LATIN.findall(words)), LEAST_HEARD * len(WORD.findall(words)))
    return best if count and count >= enough else ""


def _heard(voice: _Compiled, words: str) -> int:
    parts = (voice.little, voice.person, voice.near, voice.work, voice.not_)
    return sum(len(part.findall(words)) for part in parts)


def _is_foreign(line: str, rest: str) -> bool:
    """Whether a line is in one of these languages, and the text beside it in another, or in none of them."""
    own = _VOICES[_tongue(line)]
    words = len(WORD.findall(rest)) or 1
    # Of the words of a text in its own language a third and more are little ones.
    return len(own.little.findall(rest)) / words < 0.15


def _sentences(text: str) -> list[str]:
    found = (one[0].strip(" *_#>") for one in SENTENCE.finditer(text))
    return [one for one in found if 3 < len(one) <= 300]
