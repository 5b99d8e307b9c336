"""Links of a translation by way of a third language."""

from collections.abc import Sequence

from .protocol import Link


def compose(first: Sequence[Link], second: Sequence[Link]) -> list[Link]:
    """Join the links of two translations, one after the other.

    Where a unit of the middle text stands for several words of the source and became as many
    pieces of the target, they are mapped one to one, in order; else all to all.

    first (Sequence[Link]): Source to middle text.
    second (Sequence[Link]): Middle text to target.
    RETURNS (list[Link]): Source to target, in the order of the target.
    """
    pieces: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for link in second:
        pieces.setdefault(link.source, []).append(link.target)
    links: set[Link] = set()
    for (start, end), targets in pieces.items():
        met = [link for link in first if link.target[0] < end and start < link.target[1]]
        sources = sorted({link.source for link in met})
        if len(sources) == len(targets) > 1:
            links.update(Link(one, two) for one, two in zip(sources, sorted(targets)))
        else:
            links.update(Link(one, two) for one in sources for two in targets)
    return sorted(links, key=lambda link: (link.target, link.source))
