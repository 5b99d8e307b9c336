"""Negations that Apertium's rules lose on the way to English, put back.

'Pas de fièvre' comes out as 'fever', 'Ningún antecedente' as 'Any antecedent': notes kept short
have no verb to carry the negation, and the rules expect one. In a note that is the difference
between a finding and its absence.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..edits import edit
from ..function_words import WORD, carries_nothing, function_words
from ..protocol import CharSpan, Link, primary_subtag

# Words that deny by themselves where no verb does, and what they are in English; capitals and
# haste leave accents out. Not among them are those that Apertium never loses (Spanish "no", French
# "non"), and those that mean other things as often (French "plus", "personne").
_NO_ES = ["ningún", "ninguno", "ninguna", "ningunos", "ningunas", "ningun"]
_NO_FR = ["aucun", "aucune", "aucuns", "aucunes"]
WORDS = {
    "es": {
        **dict.fromkeys(_NO_ES, "no"),
        **dict.fromkeys(("nunca", "jamás", "jamas"), "never"),
        "ni": "nor",
        "nada": "nothing",
        "nadie": "nobody",
    },
    "fr": {
        **dict.fromkeys(("pas", *_NO_FR), "no"),
        "ni": "nor",
        "jamais": "never",
        "rien": "nothing",
    },
    "ca": {"cap": "no", "ni": "nor", "mai": "never", "res": "nothing", "ningú": "nobody"},
}
# Units of several words.
PHRASES = {"fr": {"pas beaucoup": "not a lot", "pas du tout": "not at all"}}
# They deny wherever they stand, and come out as many things (by way of Catalan "cap": cape, boss,
# it fits).
_ALWAYS = frozenset(_NO_FR)
# Otherwise: what they come out as where the negation is lost. Right beside a negated verb, wrong
# alone. "Mai" is Catalan that English has no form for.
_WEAK = frozenset(("any", "anybody", "anyone", "anything", "at all", "or", "either", "ever", "mai"))
_IDIOMS = {"es": re.compile(r"\b(?:que nada|nada más|duda ningun[ao])\b", re.IGNORECASE)}
_DENIED = re.compile(
    r"\b(?:no|not|none|nor|neither|never|nothing|nobody|nowhere|without|cannot|\w+n't|"
    r"den(?:y|ies|ied|ying)|absen(?:t|ce)|lack(?:s|ed|ing)?|unable|(?:im|in)(?:possible|capable)|"
    r"hardly|scarcely|barely|difficult|before|refus\w+|reject\w+|prevent\w*|avert\w*|avoid\w*)\b",
    re.IGNORECASE,
)
# What ends a clause; not the sign of a decimal, and not the stop of 'Rx. de tórax'.
_MARK = re.compile(
    r"[;:!?()…•]|(?<!\d),|,(?!\d)|(?<!\w)\.(?!\d)|\.(?!\d|\s+[a-zà-ÿ])|"
    r"(?<=\s)[-\u2013\u2014/+→|](?=\s)"
)
_SENTENCE_MARKS = frozenset(".;!?…•")
# What a denial does not reach beyond.
_COORDINATORS = frozenset(("et", "y", "e", "i", "mais", "pero", "però", "aunque"))
_NE = frozenset(("ne", "n'"))
# What denies together with "ne".
_PARTNERS = _ALWAYS | {"pas", "plus", "jamais", "rien", "point", "ni", "que", "qu'", "personne"}
_PARTITIVES = frozenset(("de", "des", "du", "d'", "o", "ou"))


@dataclass(frozen=True)
class Restored:
    """A translation with its negations.

    text (str): The translation.
    links (tuple[Link, ...]): The links, with those of the words that were put back.
    put_back (frozenset[tuple[int, int]]): Negations of the source that were put back.
    lost (frozenset[tuple[int, int]]): Those that have no place in the translation.
    """

    text: str
    links: tuple[Link, ...]
    put_back: frozenset[CharSpan] = frozenset()
    lost: frozenset[CharSpan] = frozenset()


def restore_negations(
    source: str, text: str, links: Sequence[Link], pair: tuple[str, str]
) -> Restored:
    """Put back the negations that nothing in their clause of the translation stands for.

    A clause is what stands between marks. A word such as 'any' is right behind another word that
    denies, up to the next 'and'; a French 'pas' behind a 'ne' that has no other partner.

    source (str): The text.
    text (str): Its translation.
    links (Sequence[Link]): The links between both.
    pair (tuple[str, str]): The languages. What `WORDS` does not have, and what is not translated
        into English, stays as it is.
    RETURNS (Restored): The translation with what was put back.
    """
    language = primary_subtag(pair[0])
    words = WORDS.get(language, {})
    if primary_subtag(pair[1]) != "en" or words.keys().isdisjoint(WORD.findall(source.lower())):
        return Restored(text, tuple(links))
    both = _Both(source, text, links, language)
    for number in range(len(both.clauses)):
        both.restore(number, words)
    if not both.changes:
        return Restored(text, tuple(links), lost=frozenset(both.lost))
    made = edit(text, links, both.changes)
    added = []
    for place, span in both.put_in.items():
        start, end = made.places[place]
        added.append(Link(span, (start, end - 1)))
    new = sorted((*made.links, *added), key=lambda link: (link.target, link.source))
    return Restored(made.text, tuple(new), frozenset(both.put_back), frozenset(both.lost))


@dataclass
class _Clause:
    """A clause of the source.

    words (list[tuple[int, int]]): Its words.
    links (list[Link]): Theirs.
    mark (str): What ends it.
    """

    words: list[CharSpan]
    links: list[Link]
    mark: str


@dataclass
class _Both:
    """A text and its translation, and what is to be changed in it."""

    source: str
    text: str
    all_links: Sequence[Link]
    language: str
    clauses: list[_Clause] = field(default_factory=list)
    changes: dict[CharSpan, str] = field(default_factory=dict)
    # Which negation is put in at which place.
    put_in: dict[CharSpan, CharSpan] = field(default_factory=dict)
    put_back: set[CharSpan] = field(default_factory=set)
    lost: set[CharSpan] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.light = function_words(self.language)
        self.starts = [0, *(match.end() for match in _MARK.finditer(self.text))]
        self.denials = [match.start() for match in _DENIED.finditer(self.text)]
        idioms = _IDIOMS.get(self.language)
        self.idioms = [match.span() for match in idioms.finditer(self.source)] if idioms else []
        marks = [*_MARK.finditer(self.source)]
        borders = [match.end() for match in marks]
        ends = [match[0] for match in marks]
        self.clauses = [_Clause([], [], mark) for mark in (*ends, "")]
        # Marks are no words of their clause.
        for match in WORD.finditer(self.source):
            if match[0][0].isalnum():
                self.clauses[bisect_right(borders, match.start())].words.append(match.span())
        for link in self.all_links:
            if any(map(str.isalnum, self.word(link.source))):
                self.clauses[bisect_right(borders, link.source[0])].links.append(link)
        self.with_ne = set(self._beside_ne())

    def word(self, span: CharSpan) -> str:
        return self.source[slice(*span)].lower().replace("\u2019", "'")

    def _beside_ne(self) -> list[CharSpan]:
        """Give the words that deny together with a French "ne" before them."""
        found = []
        is_open = False
        for clause in self.clauses:
            for span in clause.words:
                word = self.word(span)
                if word in _NE:
                    is_open = True
                elif is_open and word in _PARTNERS:
                    found.append(span)
                    is_open = False
            is_open = is_open and clause.mark not in _SENTENCE_MARKS
        return found

    def restore(self, number: int, words: Mapping[str, str]) -> None:
        """Put back the negations of a clause."""
        clause = self.clauses[number]
        self._restore_phrases(clause)
        found = [span for span in clause.words if self.word(span) in words]
        # What was put back before, up to the last "and".
        before = ""
        for n, span in enumerate(found):
            english = words[self.word(span)]
            if n and self._coordinators(clause, found[n - 1][1], span[0]):
                before = ""
            own = [link for link in clause.links if _overlap(link.source, span)]
            if not self._is_lost(number, span, own):
                continue
            if english == "nor":
                if not before and words.keys() & {self.word(one) for one in found[n + 1 :]}:
                    english = "neither"
            elif before and own and (english != "no" or before in ("nor", "neither")):
                # Behind another one 'any' is right.
                continue
            elif english == "no" and self.word(span) != "pas" and self._is_alone(clause, span):
                english = "none"
            if self._put_back(clause, span, own, english):
                before = english

    def _restore_phrases(self, clause: _Clause) -> None:
        phrases = PHRASES.get(self.language, {})
        for link in clause.links if phrases else ():
            english = phrases.get(self.word(link.source))
            if not english or _DENIED.search(self.text[slice(*link.target)]):
                continue
            if not any(_overlap(link.source, span) for span in self.with_ne):
                self._replace(link, english)

    def _is_lost(self, number: int, span: CharSpan, own: Sequence[Link]) -> bool:
        """Say whether the translation has nothing that stands for a negation."""
        clause, word = self.clauses[number], self.word(span)
        if any(_overlap(span, idiom) for idiom in self.idioms):
            return False
        if span in self.with_ne:
            return False
        if not own:
            place = self._place(clause, span)
            # Nothing but its "ne" stands for a 'pas'.
            return word == "pas" or place is None or not self._is_denied(clause, span, place)
        if len(own) > 1 or own[0].source != span:
            # It means something else, as 'pas' in 'un pas en avant'.
            return False
        target = own[0].target
        piece = self.text[slice(*target)].lower()
        if word in _ALWAYS:
            may_be = not _DENIED.fullmatch(piece)
        else:
            is_shared = sum(_overlap(link.target, target) for link in clause.links) > 1
            is_weak = piece in _WEAK or piece == word
            may_be = is_weak and not is_shared and clause.mark != "?"
        return may_be and not (
            self._is_denied(clause, span, target[0]) or self._is_inserted(number)
        )

    def _is_denied(self, clause: _Clause, span: CharSpan, place: int) -> bool:
        """Say whether something before it denies; or the verb behind it, as in 'aucun … n'est'."""
        floor = max(
            (end for end in self._coordinators(clause, 0, span[0]) if end <= place), default=0
        )
        n = bisect_right(self.starts, place)
        if self._denials(max(self.starts[n - 1], floor), place):
            return True
        behind = [self.word(one) for one in clause.words if one[0] >= span[1]]
        with_verb = [n for n, word in enumerate(behind) if word in _NE]
        if not with_verb or not _PARTNERS.isdisjoint(behind[with_verb[0] :]):
            return False
        return self._denials(place, self.starts[n] if n < len(self.starts) else len(self.text))

    def _is_inserted(self, number: int) -> bool:
        """Say whether a clause goes on where the last but one was left: 'No hay, por ahora, …'."""
        if number < 2 or self.clauses[number - 2].mark not in (",", "("):
            return False
        links = self.clauses[number - 2].links
        end = max((link.target[1] for link in links), default=0)
        at = bisect_left(self.denials, end)
        if not links or not at:
            return False
        match = _DENIED.match(self.text, self.denials[at - 1])
        if match is None or match.start() < min(link.target[0] for link in links):
            return False
        # A verb may stand behind "not"; what stands behind "no" is what there is none of.
        rest = self.text[match.end() : end].split()
        return len(rest) <= (match[0].lower() == "not" or match[0].lower().endswith("n't"))

    def _coordinators(self, clause: _Clause, start: int, end: int) -> list[int]:
        """Say where the words such as "and" between two places of the source end in English."""
        return [
            max((link.target[1] for link in clause.links if link.source == span), default=0)
            for span in clause.words
            if start <= span[0] < end and self.word(span) in _COORDINATORS
        ]

    def _denials(self, start: int, end: int) -> bool:
        return bisect_left(self.denials, start) < bisect_left(self.denials, end)

    def _is_alone(self, clause: _Clause, span: CharSpan) -> bool:
        """Say whether a word such as 'aucun' stands for the thing, too."""
        behind = [one for one in clause.words if one[0] >= span[1]]
        return not behind or self.word(behind[0]) in _PARTITIVES

    def _put_back(self, clause: _Clause, span: CharSpan, own: Sequence[Link], english: str) -> bool:
        if own and sum(_overlap(link.target, own[0].target) for link in clause.links) == 1:
            start = self._first(own[0].target[0], clause, span)
            if start == own[0].target[0]:
                self._replace(own[0], english)
                return True
            # An adjective came to stand before it.
            end = own[0].target[1]
            self.changes[own[0].target[0], end + self.text[end:].startswith(" ")] = ""
            return self._put_in(start, span, english)
        place = own[0].target[0] if own else self._place(clause, span)
        if place is None:
            self.lost.add(span)
            return False
        return self._put_in(place, span, english)

    def _replace(self, link: Link, english: str) -> None:
        is_capital = self.text[link.target[0]].isupper()
        self.changes[link.target] = english.capitalize() if is_capital else english
        self.put_back.add(link.source)

    def _put_in(self, place: int, span: CharSpan, english: str) -> bool:
        if (place, place) in self.changes:
            return False
        is_capital = self.source[span[0]].isupper()
        self.changes[place, place] = f"{english.capitalize() if is_capital else english} "
        self.put_in[place, place] = span
        self.put_back.add(span)
        return True

    def _place(self, clause: _Clause, span: CharSpan) -> int | None:
        """Say where a negation that is gone goes: before what the next word became."""
        for one in clause.words:
            if one[0] < span[1] or carries_nothing(self.source[slice(*one)], self.light):
                continue
            starts = [link.target[0] for link in clause.links if link.source == one]
            if starts:
                return self._first(min(starts), clause, span)
        return None

    def _first(self, place: int, clause: _Clause, span: CharSpan) -> int:
        """Go back over adjectives, which come from behind the negation, to where it all begins."""
        starts = {
            link.target[1]: link.target[0] for link in clause.links if link.source[0] >= span[1]
        }
        while True:
            end = place
            while end and self.text[end - 1].isspace():
                end -= 1
            if starts.get(end, place) >= place:
                return place
            place = starts[end]


def _overlap(one: CharSpan, other: CharSpan) -> bool:
    return one[0] < other[1] and other[0] < one[1]
