"""Changes to a translation after it was made, with its links moved along."""

from bisect import bisect_left, bisect_right
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
    links (Sequence[Link]): Its links. One whose target is taken out goes, too.
    changes (Mapping[tuple[int, int], str]): New words by the characters of the translation that
        they replace; an empty span is a place where they are put in. Spans do not overlap, and none
        begins or ends within a link's target without covering it.
    RETURNS (Edited): The new text.
    """
    ordered = sorted(changes.items())
    starts = [start for (start, _), _ in ordered]
    ends = [end for (_, end), _ in ordered]
    # By how much what stands behind the first n changes has moved.
    shift = [0, *accumulate(len(words) - (end - start) for (start, end), words in ordered)]
    parts: list[str] = []
    places: dict[CharSpan, CharSpan] = {}
    last = 0
    for ((start, end), words), before in zip(ordered, shift):
        parts += (text[last:start], words)
        places[start, end] = (start + before, start + before + len(words))
        last = end
    parts.append(text[last:])
    moved = []
    for source, (start, end) in links:
        # What is put in at a target's edge stays outside of it.
        first = start + shift[bisect_right(ends, start)]
        behind = end + shift[bisect_left(starts, end)]
        if first < behind:
            moved.append(Link(source, (first, behind)))
    return Edited("".join(parts), tuple(moved), places)
