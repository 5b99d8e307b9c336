"""Sentence pairs as numbers: word types, the pairs of types that ever meet, padded batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..words import encode_words, fold, similarities, spell, stem
from .links import WordPairs

# Cells of source words × target words that one batch holds at most, padding included.
CELLS = 200_000


@dataclass
class Vocabulary:
    """The types of words of one side.

    words (list[str]): Folded forms; number 0 is the empty word.
    """

    words: list[str] = field(default_factory=lambda: [""])
    ids: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __len__(self) -> int:
        return len(self.words)

    def add(self, word: str) -> int:
        """Return the number of a folded word, a new one if need be."""
        if word not in self.ids:
            self.ids[word] = len(self.words)
            self.words.append(word)
        return self.ids[word]


@dataclass(frozen=True)
class Batch:
    """Sentence pairs of similar size.

    rows (ndarray): (pairs,) which sentence pairs these are.
    cells (ndarray): (pairs, sources, targets) number of the pair of types; 0 is padding.
    sources, targets (ndarray): (pairs, length) numbers of types; 0 is padding.
    source_lengths, target_lengths (ndarray): (pairs,).
    """

    rows: np.ndarray
    cells: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    source_lengths: np.ndarray
    target_lengths: np.ndarray


@dataclass(frozen=True)
class Level:
    """How the types of a bitext fall into coarser ones.

    words (tuple[Vocabulary, Vocabulary]): Coarse types of source and target.
    source, target (ndarray): (types,) the coarse type of each type.
    cells (ndarray): (cells,) the coarse cell of each cell; 0 is padding.
    cell_source, cell_target (ndarray): (coarse cells,) coarse types of a coarse cell.
    """

    words: tuple[Vocabulary, Vocabulary]
    source: np.ndarray
    target: np.ndarray
    cells: np.ndarray
    cell_source: np.ndarray
    cell_target: np.ndarray

    @property
    def n_cells(self) -> int:
        """RETURNS (int): The number of coarse cells."""
        return len(self.cell_source)

    def greatest(self, values: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): (coarse cells,) the greatest value among each one's cells."""
        found = np.zeros(self.n_cells)
        np.maximum.at(found, self.cells, values)
        return found

    def carried(
        self, other: "Level", counts: np.ndarray, forward: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Take over counts from the same level of another bitext.

        other (Level): Where they are from.
        counts (ndarray): (its coarse cells,).
        forward (bool): Whether source words are given; else target words are.
        RETURNS (tuple[ndarray, ndarray]): (coarse cells,) counts of the cells that both have, and
            (given coarse types,) the sum of each one's others.
        """
        source, target = (
            np.array([theirs.ids.get(word, -1) for word in own.words])
            for own, theirs in zip(self.words, other.words)
        )
        width = len(other.words[1])
        keys = other.cell_source * width + other.cell_target
        first, second = source[self.cell_source], target[self.cell_target]
        wanted = np.where((first < 0) | (second < 0), 0, first * width + second)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = np.where(keys[places] == wanted, counts[places], 0.0)
        found[0] = 0.0
        own, theirs, map_ = (
            (self.cell_source, other.cell_source, source)
            if forward
            else (self.cell_target, other.cell_target, target)
        )
        totals = np.bincount(theirs, weights=counts)
        whole = np.where(map_ < 0, 0.0, totals[np.maximum(map_, 0)])
        return found, np.maximum(whole - np.bincount(own, found, len(map_)), 0.0)

    def carried_words(self, other: "Level", counts: np.ndarray, side: int) -> np.ndarray:
        """Take over how often words were met in another bitext.

        other (Level): Where they are from.
        counts (ndarray): (its coarse types,).
        side (int): 0 for source words, 1 for target words.
        RETURNS (ndarray): (coarse types,).
        """
        numbers = np.array([other.words[side].ids.get(word, 0) for word in self.words[side].words])
        return np.where(numbers == 0, 0.0, counts[numbers])


class Bitext:
    """Sentence pairs, and a table of the pairs of types that meet in one of them.

    pairs (WordPairs): Words of source and target sentences.

    ATTRIBUTES: `source` and `target` (Vocabulary); `cell_source`, `cell_target` (ndarray): the
    types of each cell of the table; cell 0 is padding; the empty word meets no word.
    """

    def __init__(self, pairs: WordPairs):
        self.source, self.target = Vocabulary(), Vocabulary()
        self.sentences = [
            (
                np.array([self.source.add(fold(word)) for word in source], dtype=np.int64),
                np.array([self.target.add(fold(word)) for word in target], dtype=np.int64),
            )
            for source, target in pairs
        ]
        width = len(self.target)
        keys = [
            np.unique((source[:, None] * width + target[None, :]).ravel())
            for source, target in self.sentences
        ]
        self.keys = np.unique(np.concatenate([np.zeros(1, dtype=np.int64), *keys]))
        self.cell_source, self.cell_target = np.divmod(self.keys, width)
        self.batches = list(self._batches())

    @property
    def n_cells(self) -> int:
        """RETURNS (int): The number of cells, the padding included."""
        return len(self.keys)

    def _batches(self) -> Iterator[Batch]:
        order = sorted(
            (
                row
                for row, (source, target) in enumerate(self.sentences)
                if len(source) * len(target)
            ),
            key=lambda row: (len(self.sentences[row][0]), len(self.sentences[row][1]), row),
        )
        waiting: list[int] = []
        longest = 0
        for row in order:
            source, target = self.sentences[row]
            wider = max(longest, len(target))
            if waiting and (len(waiting) + 1) * len(source) * wider > CELLS:
                yield self._batch(waiting)
                waiting, wider = [], len(target)
            waiting.append(row)
            longest = wider
        if waiting:
            yield self._batch(waiting)

    def _batch(self, rows: list[int]) -> Batch:
        found = [self.sentences[row] for row in rows]
        source_lengths = np.array([len(source) for source, _ in found])
        target_lengths = np.array([len(target) for _, target in found])
        sources = np.zeros((len(rows), source_lengths.max()), dtype=np.int64)
        targets = np.zeros((len(rows), target_lengths.max()), dtype=np.int64)
        for i, (source, target) in enumerate(found):
            sources[i, : len(source)], targets[i, : len(target)] = source, target
        keys = sources[:, :, None] * len(self.target) + targets[:, None, :]
        keys[(sources == 0)[:, :, None] | (targets == 0)[:, None, :]] = 0
        cells = np.searchsorted(self.keys, keys)
        return Batch(np.array(rows), cells, sources, targets, source_lengths, target_lengths)

    def similarity(self) -> np.ndarray:
        """Compare the spelling of the types of each cell. RETURNS (ndarray): (cells,), 0 to 1."""
        sides = [encode_words([spell(word) for word in side.words]) for side in self.vocabularies]
        found = np.zeros(self.n_cells)
        for start in range(1, self.n_cells, CELLS):
            part = slice(start, start + CELLS)
            first, second = self.cell_source[part], self.cell_target[part]
            found[part] = similarities(
                (sides[0][0][first], sides[0][1][first]), (sides[1][0][second], sides[1][1][second])
            )
        return found

    def containment(self) -> np.ndarray:
        """Mark cells where the one type is the beginning or end of the other, as in compounds.

        RETURNS (ndarray): (cells,) 1 or 0; parts have four letters at least.
        """
        source, target = ([spell(word) for word in side.words] for side in self.vocabularies)
        found = np.zeros(self.n_cells)
        cells = zip(self.cell_source.tolist(), self.cell_target.tolist())
        for cell, (first, second) in enumerate(cells):
            a, b = source[first], target[second]
            if len(a) > len(b):
                a, b = b, a
            if len(a) >= 4 and len(b) > len(a) + 2 and (b.startswith(a) or b.endswith(a)):
                found[cell] = 1.0
        return found

    def level(self, cut: int | None) -> Level:
        """Take words with the same first letters for one type.

        cut (int | None): How many letters; None takes words as they are.
        """
        coarse = (Vocabulary(), Vocabulary())
        source, target = (
            np.array([own.add(word if cut is None else stem(word, cut)) for word in side.words])
            for own, side in zip(coarse, self.vocabularies)
        )
        width = len(coarse[1])
        keys = source[self.cell_source] * width + target[self.cell_target]
        unique, cells = np.unique(keys, return_inverse=True)
        cell_source, cell_target = np.divmod(unique, width)
        return Level(coarse, source, target, cells, cell_source, cell_target)

    def frequencies(self, of_target: bool, coarse: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): (coarse types,) how often each stands on a side."""
        found = np.zeros(coarse.max() + 1)
        for sentence in self.sentences:
            np.add.at(found, coarse[sentence[int(of_target)]], 1)
        return found

    @property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """RETURNS (tuple[Vocabulary, Vocabulary]): Of source and target."""
        return self.source, self.target
