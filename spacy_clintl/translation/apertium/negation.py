"""Negations that Apertium's rules lose on the way to English, put back.

'Pas de fièvre' comes out as 'fever', 'Ningún antecedente' as 'Any antecedent': notes kept short
have no verb to carry the negation, and the rules expect one. In a note that is the difference
between a finding and its absence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..edits import edit
from ..function_words import WORD, carries_nothing, function_words
from ..protocol import CharSpan, Link, primary_subtag

# Words that deny by themselves where no verb does, and what they are in English. Not among them are
# those that Apertium never loses (Spanish "no", French "non"), and those that mean other things as
# often (French "plus", "personne").
WORDS = {
    "es": {
        **dict.fromkeys(("ningún", "ninguno", "ninguna", "ningunos", "ningunas"), "no"),
        **dict.fromkeys(("nunca", "jamás"), "never"),
        "ni": "nor",
        "nada": "nothing",
        "nadie": "nobody",
    },
    "fr": {
        **dict.fromkeys(("pas", "aucun", "aucune", "aucuns", "aucunes"), "no"),
        "ni": "nor",
        "jamais": "never",
        "rien": "nothing",
    },
    "ca": {"cap": "no", "ni": "nor", "mai": "never", "res": "nothing", "ningú": "nobody"},
}
# What they come out as where the negation is lost: right beside a negated verb, wrong alone.
# "Mai" is Catalan that English has no form for, "cape" is Catalan "cap" taken for another word.
_WEAK = frozenset(
    ("any", "anybody", "anyone", "anything", "at all", "or", "either", "ever", "mai", "cape")
)
_DENIED = re.compile(
    r"\b(?:no|not|none|nor|neither|never|nothing|nobody|nowhere|without|cannot|"
    r"den(?:y|ies|ied|ying)|absen(?:t|ce)|lack(?:s|ed|ing)?|\w+n't)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[^.,;:!?()\n]+")


@dataclass(frozen=True)
class Restored:
    """A translation with its negations.

    text (str): The translation.
    links (tuple[Link, ...]): The links, with those of the words that were put back.
    lost (tuple[tuple[int, int], ...]): Negations of the source that have no place in it.
    """

    text: str
    links: tuple[Link, ...]
    lost: tuple[CharSpan, ...] = ()


def restore_negations(
    source: str, text: str, links: Sequence[Link], pair: tuple[str, str]
) -> Restored:
    """Put back the negations of each clause that came out with none.

    A clause is what stands between marks. Where one word of its translation denies, all of it is
    taken to be denied.

    source (str): The text.
    text (str): Its translation.
    links (Sequence[Link]): The links between both.
    pair (tuple[str, str]): The languages. What `WORDS` does not have, and what is not translated
        into English, stays as it is.
    RETURNS (Restored): The translation with what was put back.
    """
    words = WORDS.get(primary_subtag(pair[0]), {})
    changes: dict[CharSpan, str] = {}
    # Which negation is put in at which place.
    put: dict[CharSpan, CharSpan] = {}
    lost: list[CharSpan] = []
    if primary_subtag(pair[1]) == "en":
        for match in _CLAUSE.finditer(source):
            clause = _Clause(source, text, match.span(), links, function_words(pair[0]))
            for span, english in _denials(clause, words):
                place = clause.place(span)
                if place is None:
                    lost.append(span)
                elif place not in changes:
                    changes[place] = english if place[0] < place[1] else f"{english} "
                    put[place] = span
    if not changes:
        return Restored(text, tuple(links), tuple(lost))
    made = edit(text, links, changes)
    added = [
        Link(put[place], (start, end - 1))
        for place, (start, end) in made.places.items()
        if place[0] == place[1]
    ]
    links = sorted((*made.links, *added), key=lambda link: (link.target, link.source))
    return Restored(made.text, tuple(links), tuple(lost))


class _Clause:
    """A clause of the source, and what it became."""

    def __init__(
        self,
        source: str,
        text: str,
        span: CharSpan,
        links: Sequence[Link],
        light: frozenset[str],
    ):
        self.source, self.text, self.light = source, text, light
        self.words = [match.span() for match in WORD.finditer(source, *span)]
        self.links = [link for link in links if span[0] <= link.source[0] < span[1]]

    def word(self, span: CharSpan) -> str:
        return self.source[slice(*span)]

    def denied(self) -> bool:
        """Say whether its translation, from mark to mark, denies something."""
        if not self.links:
            return False
        start = min(link.target[0] for link in self.links)
        end = max(link.target[1] for link in self.links)
        return any(
            _overlap(match.span(), (start, end)) and _DENIED.search(match[0])
            for match in _CLAUSE.finditer(self.text)
        )

    def rest(self, span: CharSpan) -> str | None:
        """Say what is left of a negation in the translation.

        RETURNS (str | None): Empty: nothing is left. None: it means something else there, as 'pas'
            in 'un pas en avant'.
        """
        own = [link for link in self.links if _overlap(link.source, span)]
        if not own:
            return ""
        if len(own) > 1 or own[0].source != span:
            return None
        if sum(_overlap(link.target, own[0].target) for link in self.links) > 1:
            return None
        piece = self.text[slice(*own[0].target)]
        return piece if piece.lower() in _WEAK else None

    def place(self, span: CharSpan) -> CharSpan | None:
        """Say what a negation takes the place of; an empty span is where it is put in.

        RETURNS (tuple[int, int] | None): None where there is no place for it.
        """
        own = {link.target for link in self.links if link.source == span}
        if len(own) == 1:
            return own.pop()
        behind = [link for link in self.links if link.source[0] >= span[1]]
        for one in self.words:
            if one[0] < span[1] or carries_nothing(self.word(one), self.light):
                continue
            starts = [link.target[0] for link in behind if link.source == one]
            if starts:
                place = self._first(min(starts), behind)
                return place, place
        return None

    def _first(self, place: int, links: Sequence[Link]) -> int:
        """Go back over adjectives, which come from behind the noun, to where it all begins."""
        starts = {link.target[1]: link.target[0] for link in links}
        while (end := len(self.text[:place].rstrip())) in starts and starts[end] < place:
            place = starts[end]
        return place


def _denials(clause: _Clause, words: Mapping[str, str]) -> list[tuple[CharSpan, str]]:
    """Give the negations of a clause that are to be put back, with their English."""
    found = [span for span in clause.words if clause.word(span).lower() in words]
    if not found or clause.denied():
        return []
    denials: list[tuple[CharSpan, str]] = []
    for n, span in enumerate(found):
        rest = clause.rest(span)
        english = words[clause.word(span).lower()]
        if rest is None:
            continue
        if english == "nor":
            if not denials and len(found) > n + 1:
                english = "neither"
        elif rest and denials:
            # Behind another one 'any' is right.
            continue
        like = rest or clause.word(span)
        denials.append((span, english.capitalize() if like[0].isupper() else english))
    return denials


def _overlap(one: CharSpan, other: CharSpan) -> bool:
    return one[0] < other[1] and other[0] < one[1]
