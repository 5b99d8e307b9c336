"""Apertium's stream format: words with numbers go in, numbers come back with the translation.

Words between analysis and translation are units `^surface/analysis/analysis$`. A unit behind a
wordbound blank `[[t:w:N]]` passes its number to what is generated from it:
`[[t:w:N]]word[[/]]`; several numbers stand where units were merged. Some rules give all numbers to
the first of the words that they make: `[[t:w:1; t:w:2]]very[[/]] intense`.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..function_words import carries_nothing
from ..protocol import CharSpan, Link

_ESCAPED = re.compile(r"[\[\]{}^$/\\@<>]")
# An escaped character, or a unit with its surface in the first group, its analyses in the second.
_UNIT = re.compile(r"\\.|\^((?:[^\\/$]|\\.)*)((?:/(?:[^\\$]|\\.)*)?)\$", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# An escaped character, or a word bound to numbers, which are in the first group.
_BOUND = re.compile(
    r"\\.|\[\[((?:[^\\\]]|\\.|\](?!\]))*)\]\]((?:[^\\\[]|\\.|\[(?!\[/))*)\[\[/\]\]", re.DOTALL
)
# A number with its decimal sign, a word with its hyphens or the point of a Catalan double l, an
# elision, or other signs.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:[\u00b7-]\w+)*['\u2019]?|[^\w\s]+")
_NUMBER = re.compile(r"t:w:(\d+)")
END = "[][\n]"
# Analyses of adverbs, and of forms such as "larger", which other languages need two words for.
_ADVERB = re.compile(r"<(?:pre)?adv>")
_COMPARED = re.compile(r"<sint><(?:comp|sup)>")
_MORE = frozenset(("más", "més", "plus", "mais"))
# A word without a number, with its sign of failure.
_LOOSE = re.compile(r"\s+([*@#]?\w+(?:[-'\u2019]\w+)*)")
# Signs before a word: unknown to the analysis, to the dictionary, to the generator.
_FAILED = re.compile(r"(?:(?<=[\s'\u2019-])|^)[*@#](?=\w)")
# How far a unit may be from where it is expected.
_SLACK = 40


@dataclass(frozen=True)
class Numbered:
    """A message with numbered units.

    stream (str): What is sent on.
    spans (dict[int, CharSpan]): Where each number's unit is in the text.
    adverbs (set[int]): Numbers of units that may be adverbs.
    compared (set[int]): Numbers of units that are comparatives or superlatives in one word.
    long (set[int]): Numbers of units of several words.
    light (set[int]): Numbers of units that are function words.
    """

    stream: str
    spans: dict[int, CharSpan]
    adverbs: AbstractSet[int] = frozenset()
    compared: AbstractSet[int] = frozenset()
    long: AbstractSet[int] = frozenset()
    light: AbstractSet[int] = frozenset()


@dataclass(frozen=True)
class Read:
    """A translation read from the stream.

    text (str): The translated text.
    links (list[Link]): One for each unit in each generated piece.
    untranslated (list[CharSpan]): Source spans of units that were not translated.
    numbers (set[int]): All numbers that came back.
    """

    text: str
    links: list[Link]
    untranslated: list[CharSpan]
    numbers: set[int]


def escape(text: str) -> str:
    """Make plain text a message: what has a meaning in the format is escaped."""
    # A tilde wakes the post-generator, escaped or not; outside of words it is left alone.
    # What is put behind it is what Apertium's own text filter puts there: without it, the analysis
    # keeps the last word for itself.
    return _ESCAPED.sub(r"\\\g<0>", text).replace("~", "[~]") + END


def unescape(text: str) -> str:
    """Make text of the format plain."""
    return _ESCAPE.sub(r"\1", text.replace("[~]", "~").replace("[\n]", "").replace("[]", ""))


def number_units(
    stream: str, text: str, first: int, function_words: frozenset[str] = frozenset()
) -> Numbered:
    """Put a number before each unit of an analysed text.

    stream (str): What the analysis gave.
    text (str): The text that was analysed.
    first (int): The first number.
    function_words (frozenset[str]): Those of the text's language.
    RETURNS (Numbered): The stream to send on. A unit that cannot be found in the text has no
        number.
    """
    parts = []
    spans = {}
    adverbs, compared, long, light = set[int](), set[int](), set[int](), set[int]()
    at = last = 0
    number = first
    escaped = -1
    for match in _UNIT.finditer(stream):
        if match[1] is None:
            escaped = match.end()
            continue
        blank = stream[last : match.start()]
        surface = unescape(match[1])
        start = _find(text, surface, at, at + len(unescape(blank)))
        parts.append(blank)
        if start is not None and surface:
            at = start + len(surface)
            spans[number] = (start, at)
            if _ADVERB.search(match[2]):
                adverbs.add(number)
            if _COMPARED.search(match[2]):
                compared.add(number)
            if len(surface.split()) > 1:
                long.add(number)
            elif carries_nothing(surface, function_words):
                light.add(number)
            # Right behind an escaped character the programs do not see the number.
            apart = "[]" if escaped == match.start() else ""
            parts.append(f"{apart}[[t:w:{number}]]")
            number += 1
        parts.append(match[0])
        last = match.end()
    parts.append(stream[last:])
    return Numbered("".join(parts), spans, adverbs, compared, long, light)


def _find(text: str, surface: str, least: int, expected: int) -> int | None:
    """Find a unit; analysis may insert blanks or leave some out, so the place is only about."""
    if text.startswith(surface, expected):
        return expected
    found = text.find(surface, least, expected + len(surface) + _SLACK)
    return None if found < 0 else found


def read_translation(
    stream: str, numbered: Numbered, function_words: frozenset[str] = frozenset()
) -> Read:
    """Read a translation and its links.

    stream (str): What the last program gave.
    numbered (Numbered): The units that were sent on.
    function_words (frozenset[str]): Those of the language of the translation.
    RETURNS (Read): The translation.
    """
    parts: list[str] = []
    links: list[Link] = []
    failed: list[CharSpan] = []
    seen: set[int] = set()
    length = last = 0

    def add(piece: str) -> None:
        nonlocal length
        parts.append(piece)
        length += len(piece)

    for match in _BOUND.finditer(stream):
        if match[1] is None:
            continue
        add(_unbound(stream[last : match.start()]))
        numbers = list(dict.fromkeys(int(number) for number in _NUMBER.findall(match[1])))
        seen.update(numbers)
        made, last = unescape(match[2]), match.end()
        loose = _loose(stream, last, numbers, made, numbered)
        last += len(loose)
        units = [number for number in numbers if number in numbered.spans]
        groups = [(units, made + loose)]
        if loose and len(units) > 1:
            groups = [(units[:-1], made), (units[-1:], loose)]
        for units, piece in groups:
            piece, signs = _without_signs(piece)
            own = _share(units, piece, length, numbered, function_words)
            links.extend(own)
            failed.extend(
                source
                for source, (start, end) in own
                if any(start <= length + at < end for at in signs)
            )
            add(piece)
    add(_unbound(stream[last:]))
    return Read("".join(parts), links, sorted(set(failed)), seen)


def _loose(stream: str, at: int, numbers: Sequence[int], piece: str, numbered: Numbered) -> str:
    """Give the word without a number, with blanks before it, that belongs to the piece before it.

    Mostly a word without a number is one that the rules added, such as a pronoun, and no unit's.
    It is the last unit's behind an adverb with that unit's number, too, and where a unit is
    compared, and the piece says no more than that.
    """
    modified = len(numbers) > 1 and numbers[-2] in numbered.adverbs
    if modified or (piece.lower() in _MORE and set(numbers) <= numbered.compared):
        match = _LOOSE.match(stream, at)
        return match[0] if match else ""
    return ""


def _unbound(part: str) -> str:
    """Make what has no number plain, and take off the signs of failure."""
    # Before it is unescaped: an escaped sign is one of the text.
    return unescape(_without_signs(part)[0])


def _without_signs(piece: str) -> tuple[str, list[int]]:
    """Take off the signs of failure, and say where words begin that were not translated.

    What only the generator failed on (#) is translated, but not inflected.
    """
    parts, places = [], []
    length = last = 0
    for match in _FAILED.finditer(piece):
        parts.append(piece[last : match.start()])
        length += len(parts[-1])
        last = match.end()
        if match[0] != "#":
            places.append(length)
    return "".join([*parts, piece[last:]]), places


def _share(
    units: Sequence[int],
    piece: str,
    offset: int,
    numbered: Numbered,
    function_words: frozenset[str],
) -> list[Link]:
    """Link the words of a piece to the units that were merged into it.

    The programs merge an article or preposition with what follows it, so words and units are
    counted from the end; units that are left over share the first word. Words that are left over
    belong to the unit of several words, or to the one behind function words; but function words
    with which the piece begins to what stands before it ('la' and 'salle de bain' of 'la cambra de
    bany'). Otherwise they belong to the first unit.
    """
    words = [(offset + match.start(), offset + match.end()) for match in _WORD.finditer(piece)]
    if not units or not words:
        return []
    left = len(words) - len(units)
    sizes = [1] * len(units)
    heavy = _heavy(units, numbered)
    if left < 0:
        sizes = [1] * len(words)
    else:
        bare = [carries_nothing(word, function_words) for word in _WORD.findall(piece)]
        leading = next((n for n, one in enumerate(bare) if not one), len(bare))
        before = min(max(leading - heavy, 0), left) if heavy else left
        sizes[0] += before
        sizes[heavy] += left - before
    spans = [numbered.spans[unit] for unit in units]
    links: list[Link] = []
    end = len(words)
    for size in reversed(sizes):
        hull = (words[end - size][0], words[end - 1][1])
        end -= size
        # All units that are left over share the first word.
        owners = spans if not end else [spans.pop()]
        links.extend(Link(source, hull) for source in reversed(owners))
    return links[::-1]


def _heavy(units: Sequence[int], numbered: Numbered) -> int:
    """Say which of the units that were merged is likely to have become several words."""
    long = [n for n, unit in enumerate(units) if unit in numbered.long]
    if long:
        return long[-1]
    return len(units) - 1 if set(units[:-1]) <= numbered.light else 0
