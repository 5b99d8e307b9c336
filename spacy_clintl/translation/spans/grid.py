"""All spans of a sentence at once, as tables of starts by lengths."""

import numpy as np


class Grid:
    """All spans of a sentence up to a length.

    Every method takes values of words, (…, words), and gives values of spans, (…, starts, lengths).
    Spans that reach beyond the sentence have values, too, which say nothing: see `valid`.

    words (int): Words of the sentence.
    longest (int): Words of the longest span.
    """

    def __init__(self, words: int, longest: int):
        self.words, self.longest = words, longest
        places = np.arange(words)[:, None] + np.arange(longest)[None, :]
        self.valid = places < words
        self.last = np.minimum(places, words - 1)
        self.lengths = np.broadcast_to(np.arange(1, longest + 1), places.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): Starts, lengths."""
        return self.words, self.longest

    def spans(self) -> np.ndarray:
        """RETURNS (ndarray): (spans, 2) start and end of the spans inside the sentence, in the
        order in which `table[grid.valid]` has their values."""
        starts = np.broadcast_to(np.arange(self.words)[:, None], self.shape)[self.valid]
        return np.stack([starts, self.last[self.valid] + 1], axis=1)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Add the values of each span's words."""
        return np.cumsum(np.where(self.valid, values[..., self.last], 0.0), axis=-1)

    def greatest(self, values: np.ndarray) -> np.ndarray:
        """Find the greatest value in each span; values must not be negative."""
        return np.maximum.accumulate(np.where(self.valid, values[..., self.last], 0.0), axis=-1)

    def greatest_outside(self, values: np.ndarray) -> np.ndarray:
        """Find the greatest value outside of each span, 0 if there is no word."""
        zero = np.zeros((*values.shape[:-1], 1))
        left = np.concatenate([zero, np.maximum.accumulate(values, axis=-1)], axis=-1)
        right = np.maximum.accumulate(values[..., ::-1], axis=-1)[..., ::-1]
        right = np.concatenate([right, zero], axis=-1)
        return np.maximum(left[..., :-1, None], right[..., self.last + 1])

    def first(self, values: np.ndarray) -> np.ndarray:
        """Take the value of each span's first word."""
        return np.broadcast_to(values[:, None], self.shape)

    def final(self, values: np.ndarray) -> np.ndarray:
        """Take the value of each span's last word."""
        return values[self.last]

    def before(self, values: np.ndarray) -> np.ndarray:
        """Take the value of the word before each span, 0 at the beginning."""
        return self.first(np.concatenate([[0.0], values[:-1]]))

    def after(self, values: np.ndarray) -> np.ndarray:
        """Take the value of the word behind each span, 0 at the end."""
        return np.concatenate([values[1:], [0.0]])[self.last]
