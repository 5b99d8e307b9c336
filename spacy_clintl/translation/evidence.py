"""What the words of sentences say about whether they translate each other."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from .alignment.seed import embedded_lexicon
from .function_words import carries_nothing, function_words
from .words import fold, spell

# Letters of a word that are compared: what follows is inflection, mostly.
LETTERS = 5
# Shorter words look alike in two languages by chance, unless they are numbers or acronyms.
SHORTEST = 4
# A short text does not tell how rare its words are: as if there were so many more sentences that do
# not have them.
OTHERS = 100
# Nats that sentences have to have in common by chance, that more of it says something.
LEAST = 5.0


class Evidence:
    """The words that sentences of a source and a target have in common: numbers, words spelled
    alike and those that a lexicon has. The rarer a word is, the more it says.

    source, target (Sequence[Sequence[str]]): The words of each sentence.
    known (Mapping[str, set[str]]): What `lexicon_keys` gave for the two languages.
    """

    def __init__(
        self,
        source: Sequence[Sequence[str]],
        target: Sequence[Sequence[str]],
        known: Mapping[str, set[str]],
    ):
        self._source = [_source_keys(words, known) for words in source]
        self._target = [{_key(word) for word in words if _is_word(word)} for words in target]
        counts = Counter(key for keys in self._target for key in keys)
        total = len(target) + OTHERS
        self._weights = {key: math.log(total / n) for key, n in counts.items()}

    def shared(self, source: Iterable[int], target: Iterable[int]) -> float:
        """Say how much speaks for some sentences' being the translation of others.

        source, target (Iterable[int]): Numbers of sentences.
        RETURNS (float): 0 for nothing; in nats, as if words were drawn by their frequency.
        """
        ours = set[str]().union(*(self._source[n] for n in source))
        theirs = set[str]().union(*(self._target[n] for n in target))
        return sum(self._weights[key] for key in sorted(ours & theirs))

    def alike(self) -> float:
        """Compare the sentences of the same number with any two.

        RETURNS (float): How many times as much the former have in common; not a number if there are
            too few words in common to say.
        """
        n = len(self._source)
        counts = Counter(key for keys in self._source for key in keys)
        both = Counter(key for keys in self._target for key in keys)
        chance = sum(
            self._weights[key] * counts[key] * both[key] / n for key in sorted(both & counts)
        )
        if chance < LEAST:
            return math.nan
        return sum(self.shared((i,), (i,)) for i in range(n)) / chance


def lexicon_keys(source: str, target: str) -> dict[str, set[str]]:
    """Give the words of the embedded lexicon that carry meaning.

    source, target (str): The two languages.
    RETURNS (dict[str, set[str]]): By source word, how its translations are compared.
    """
    known = defaultdict(set)
    ours, theirs = function_words(source), function_words(target)
    for one, other in embedded_lexicon(source, target).pairs:
        if not (carries_nothing(one, ours) or carries_nothing(other, theirs)):
            known[one].add(_key(other))
    return dict(known)


def _source_keys(words: Iterable[str], known: Mapping[str, set[str]]) -> set[str]:
    keys = set()
    for word in words:
        keys |= known.get(fold(word), set())
        plain = _key(word)
        acronym = len(word) > 1 and word.isupper()
        if _is_word(word) and (len(plain) >= SHORTEST or acronym or plain.isdigit()):
            keys.add(plain)
    return keys


def _is_word(word: str) -> bool:
    return any(char.isalnum() for char in word)


@lru_cache(maxsize=1 << 16)
def _key(word: str) -> str:
    # A decimal sign is another one in another language.
    digits = re.sub(r"[.,]", "", word)
    return digits if digits.isdigit() else spell(word)[:LETTERS]
