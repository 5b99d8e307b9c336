"""Words with marks inside them, such as `EU-Mitgliedstaaten`, are aligned by their parts."""

import numpy as np

from ..words import WORD
from .links import Links, Words


def split_words(words: Words) -> tuple[list[str], np.ndarray]:
    """Cut words at the marks inside them.

    words (Words): Words of a sentence.
    RETURNS (tuple[list[str], ndarray]): Parts, and (parts,) the word that each belongs to.
    """
    parts: list[str] = []
    owners: list[int] = []
    for number, word in enumerate(words):
        found = WORD.findall(word)
        # A mark at the end, as of an abbreviation, is part of the word.
        if len(found) < 3 or not any(part.isalnum() for part in found):
            found = [word]
        parts += found
        owners += [number] * len(found)
    return parts, np.array(owners, dtype=np.int64)


def join_links(links: Links, source: np.ndarray, target: np.ndarray, shape: tuple) -> Links:
    """Turn posteriors of parts into those of words.

    links (Links): Of parts.
    source, target (ndarray): The word of each part.
    shape (tuple): Words of source and target.
    RETURNS (Links): Sums over the parts that may be an origin, means over those that have one.
    """
    forward, backward = np.zeros(shape), np.zeros(shape)
    places = (source[:, None], target[None, :])
    np.add.at(forward, places, links.forward)
    np.add.at(backward, places, links.backward)
    return Links(
        forward / np.bincount(target, minlength=shape[1]),
        backward / np.bincount(source, minlength=shape[0])[:, None],
    )
