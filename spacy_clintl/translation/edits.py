"""Changes to a translation after it was made, with its links moved along."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from .protocol import CharSpan, Link


class Edited(NamedTuple):
    """A changed translation.

    text (str): The new text.
    links (tuple[Link, ...]): The links, in it; words that were put in have none.
    places (dict[tuple[int, int], tuple[int, int]]): Where the words of each change stand in it.
    """

    text: str
    links: tuple[Link, ...]
    places: dict[CharSpan, CharSpan]


def edit(text: str, links: Sequence[Link], changes: Mapping[CharSpan, str]) -> Edited:
    """Replace parts of a translation, or put words in.

    text (str): The translation.
    links (Sequence[Link]): Its links.
    changes (Mapping[tuple[int, int], str]): New words by the characters of the translation that
        they replace; an empty span is a place where they are put in. Spans do not overlap, and each
        link's target covers one or lies outside of it.
    RETURNS (Edited): The new text.
    """
    ordered = sorted(changes.items())
    grown = [len(words) - (end - start) for (start, end), words in ordered]
    parts: list[str] = []
    places: dict[CharSpan, CharSpan] = {}
    last = 0
    for ((start, end), words), before in zip(ordered, accumulate(grown, initial=0)):
        parts += (text[last:start], words)
        places[start, end] = (start + before, start + before + len(words))
        last = end
    parts.append(text[last:])

    def moved(target: CharSpan) -> CharSpan:
        # What is put in at a target's edge stays outside of it.
        first = sum(by for ((_, end), _), by in zip(ordered, grown) if end <= target[0])
        behind = sum(by for ((start, _), _), by in zip(ordered, grown) if start < target[1])
        return target[0] + first, target[1] + behind

    new = tuple(Link(link.source, moved(link.target)) for link in links)
    return Edited("".join(parts), new, places)
