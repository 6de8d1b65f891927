"""Titles, names and lines of text for the made-up library, from a seeded generator of random numbers."""

import itertools
import random
from dataclasses import dataclass, field

AUTHORS = (
    "Erasmus Roterodamus", "Conrad Gessner", "Marsilius Ficinus", "Andreas Vesalius", "Johannes Kepler",
    "Georgius Agricola", "Angelus Politianus", "Philippus Melanchthon", "Ulrich Zwingli", "Petrus Ramus",
    "Hieronymus Cardanus", "Thomas Morus", "Beatus Rhenanus", "Olympia Fulvia Morata", "Ludovicus Vives", "",
)  # fmt: skip
SUBJECTS = {
    "la": ("De re metallica", "Historia animalium", "Epigrammata", "De humani corporis fabrica", "Adagiorum chiliades",
           "Cosmographia", "De vita sana", "Commentarii in Ciceronem", "Herbarum vivae eicones", "Dialogi sacri"),
    "de": ("Kreuterbuch", "Narrenschiff", "Vnderweysung der Messung", "Weltbuch", "Feldbuch der Wundartzney"),
    "grc": ("Ἔργα καὶ ἡμέραι", "Ὁμήρου Ὀδύσσεια", "Περὶ ψυχῆς"),
    "fr": ("Les Essais", "L'agriculture et maison rustique", "Discours de la méthode"),
    "it": ("I quattro libri dell'architettura", "Il libro del cortegiano", "Le vite de' più eccellenti pittori"),
}  # fmt: skip
PLACES = ("Basileae", "Venetiis", "Parisiis", "Lugduni", "Argentorati", "Tiguri", "Antverpiae", "Norimbergae")
SYLLABLES = {
    "la": "a ad am ar ba bus ca cen cor de di do e ef en fa fi ge gra i in is la li lu ma men mi na no o ob per po "
          "qua que ra re ri ro sa se si su ta te ti tu u ue us ui um",
    "de": "ab ach al an bach ber den der dung ein er fer ge ger gut haus heit ich in keit kunst land lich men ner "
          "nis ober rich schaft sen stein ten tum ung ver vnd wald wer zeit",
    "grc": "α αι αν γε δε δι ε ει εν θε ι κα και κο λο μα με μη μο να νο ο οι ον ος πα πε πο ρα ρο σα σι σο τα τε "
           "τη το του φι χα χρ ψυ ω",
    "fr": "a age au beau ce cou de des eau en est eur fran il ir la le les ment mon ne oi on ou par plai que re roi "
          "sant te tion tou u ver vi",
    "it": "a al bel ca che co da del di e etto gio i il in io la lo ma men mi na no o per po pri re ri sa sci se "
          "si sto ta te to tu uo vi zione",
    "en": "a able al and be by con de ed en er for ful grand hand ing in ion is ness low man ment no of old on or "
          "out over pre re sail sea ship so the tion to un up well with wood",
}  # fmt: skip
VOCABULARY = 4000  # words of each language, a few of which are common and most of which are rare
LINES = 3000  # different lines of each language; a page is a choice of them


@dataclass
class Words:
    """What pages and titles are made of. Lines are made once for each language."""

    seed: int
    _lines: dict[str, list[str]] = field(default_factory=dict)

    def title(self, language: str, number: int, luck: random.Random) -> str:
        """`De re metallica libri VII, Basileae 1546 (117)`; the number tells books of one title apart."""
        subject, place = luck.choice(SUBJECTS[language]), luck.choice(PLACES)
        return f"{subject}, {place} {luck.randint(1470, 1650)} ({number})"

    def page(self, language: str, luck: random.Random, note: str) -> str:
        """Eight to sixteen lines, and a note that no other page has."""
        lines = luck.choices(self._of(language), k=luck.randint(8, 16))
        return "\n".join((*lines, note))

    def _of(self, language: str) -> list[str]:
        if language not in self._lines:
            luck = random.Random(f"{self.seed} {language}")  # noqa: S311
            syllables = SYLLABLES[language].split()
            words = ["".join(luck.choices(syllables, k=luck.randint(1, 4))) for _ in range(VOCABULARY)]
            # The n-th word is n times as rare as the first, as in any language.
            weights = list(itertools.accumulate(1 / n for n in range(1, VOCABULARY + 1)))
            self._lines[language] = [
                " ".join(luck.choices(words, cum_weights=weights, k=luck.randint(6, 10)))
                for _ in range(LINES)
            ]
        return self._lines[language]
