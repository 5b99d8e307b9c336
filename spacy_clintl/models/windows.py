"""From documents to windows of word pieces, and back to tokens.

A document that fits the encoder is one window, so nothing is encoded twice. A longer one is cut
into evenly spread windows of full length that overlap; each word piece is then read from the
window in which it has the most context on its poorer side ("maximum context" in Devlin et al.
2019, the SQuAD code).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc

from ..errors import ClintlError, Errors


@dataclass(frozen=True)
class SpecialPieces:
    """What the tokenizer puts around a sequence.

    before (ndarray): Ids put before the text, e.g. of [CLS]; int64, shape (n,).
    after (ndarray): Ids put after it, e.g. of [SEP]; int64, shape (m,).
    """

    before: np.ndarray
    after: np.ndarray
    before_strings: list[str]
    after_strings: list[str]

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    @classmethod
    def of(cls, tokenizer: Any) -> "SpecialPieces":
        """Find them by asking: templates differ too much between kinds to be looked up."""
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        full = tokenizer("a", add_special_tokens=True)["input_ids"]
        for start in range(len(full) - len(bare) + 1):
            if full[start : start + len(bare)] == bare:
                break
        else:  # a template that changes the text itself: no kind we support does
            start = 0
        before, after = full[:start], full[start + len(bare) :]
        return cls(
            np.asarray(before, dtype="int64"),
            np.asarray(after, dtype="int64"),
            tokenizer.convert_ids_to_tokens(before),
            tokenizer.convert_ids_to_tokens(after),
        )


@dataclass(frozen=True)
class DocWindows:
    """The windows of one document, all of the same length.

    input_ids (ndarray): Word piece ids with special ones; int64, shape (windows, pieces).
    strings (list[list[str]]): The pieces themselves, same shape.
    rows (ndarray): For each token in turn, the rows of its word pieces in the encoder's output
        for this document, reshaped to (windows * pieces, width); int32, shape (n,).
    lengths (ndarray): How many of `rows` belong to each token; int32, shape (tokens,).
    """

    input_ids: np.ndarray
    strings: list[list[str]]
    rows: np.ndarray
    lengths: np.ndarray


def cut_windows(
    docs: Sequence[Doc], tokenizer: Any, special: SpecialPieces, *, window: int, overlap: int
) -> list[DocWindows | None]:
    """Cut documents into windows of word pieces.

    docs (Sequence[Doc]): The documents. Any tokenization will do, as pieces and tokens are
        matched by their characters.
    tokenizer (PreTrainedTokenizerFast): Gives the word pieces.
    special (SpecialPieces): What to put around each window.
    window (int): The greatest length of a window in word pieces, special ones included.
    overlap (int): How many word pieces two windows share at least.
    RETURNS (list[Optional[DocWindows]]): One for each document; None for those without tokens.
    """
    if window - len(special) <= overlap:
        raise ClintlError(Errors.CL209.format(window=window, overlap=overlap, special=len(special)))
    filled = [doc for doc in docs if len(doc)]
    if not filled:
        return [None for _ in docs]
    encodings = tokenizer(
        [doc.text for doc in filled],
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        # We cut by ourselves: the remark that a text is longer than the encoder is noise.
        verbose=False,
    ).encodings
    cut = iter(
        _cut_one(doc, encoding, special, window - len(special), overlap)
        for doc, encoding in zip(filled, encodings)
    )
    return [next(cut) if len(doc) else None for doc in docs]


def _cut_one(
    doc: Doc, encoding: Any, special: SpecialPieces, capacity: int, overlap: int
) -> DocWindows:
    ids = np.asarray(encoding.ids, dtype="int64")
    starts = window_starts(len(ids), capacity, overlap)
    size = min(len(ids), capacity)
    input_ids = np.empty((len(starts), size + len(special)), dtype="int64")
    n_before = len(special.before)
    input_ids[:, :n_before] = special.before
    input_ids[:, n_before + size :] = special.after
    input_ids[:, n_before : n_before + size] = ids[starts[:, None] + np.arange(size)]
    pieces = encoding.tokens
    strings = [
        special.before_strings + pieces[start : start + size] + special.after_strings
        for start in starts.tolist()
    ]
    tokens, matched = match_pieces(doc, np.asarray(encoding.offsets, dtype="int64").reshape(-1, 2))
    # In the shared part of two windows, the first half is read from the first window.
    borders = (starts[1:] + starts[:-1] + size) // 2
    owner = np.searchsorted(borders, matched, side="right")
    rows = owner * input_ids.shape[1] + n_before + matched - starts[owner]
    lengths = np.bincount(tokens, minlength=len(doc))
    return DocWindows(input_ids, strings, rows.astype("int32"), lengths.astype("int32"))


def window_starts(n_pieces: int, capacity: int, overlap: int) -> np.ndarray:
    """Spread the fewest windows that cover a document evenly over it.

    n_pieces (int): The document's length in word pieces.
    capacity (int): How many of them a window holds.
    overlap (int): How many of them two neighbours share at least.
    RETURNS (ndarray): Where each window starts; int64, shape (windows,).
    """
    if n_pieces <= capacity:
        return np.zeros(1, dtype="int64")
    n_windows = -(-(n_pieces - overlap) // (capacity - overlap))
    # Rounding down keeps neighbours from moving apart by more than the largest allowed step.
    return (np.arange(n_windows) * (n_pieces - capacity)) // (n_windows - 1)


def match_pieces(doc: Doc, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match tokens to the word pieces with which they share characters.

    A piece can cover several tokens and a token several pieces; a token that the tokenizer
    drops (whitespace, control characters) has none.

    doc (Doc): The document.
    offsets (ndarray): Each piece's first and last + 1 character; int64, shape (pieces, 2).
    RETURNS (tuple[ndarray, ndarray]): Token and piece numbers of each match, by token; int64.
    """
    if not len(offsets):
        return np.zeros(0, dtype="int64"), np.zeros(0, dtype="int64")
    token_spans = doc.to_array([IDX, LENGTH]).astype("int64")
    n_chars = int(token_spans[-1].sum()) + 1
    token_of = np.full(n_chars + 1, -1, dtype="int64")
    sizes = token_spans[:, 1]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    token_of[np.repeat(token_spans[:, 0], sizes) + within] = np.repeat(np.arange(len(doc)), sizes)
    # Pieces may start with the blank before a word, which belongs to no token: look further on
    # for the first character that does, and further back for the last.
    chars = np.arange(n_chars + 1)
    covered = token_of >= 0
    first = np.minimum.accumulate(np.where(covered, chars, n_chars + 1)[::-1])[::-1]
    last = np.maximum.accumulate(np.where(covered, chars, -1))
    start = first[np.minimum(offsets[:, 0], n_chars)]
    end = last[np.clip(offsets[:, 1] - 1, 0, n_chars)]
    pieces = np.flatnonzero((offsets[:, 1] > offsets[:, 0]) & (start <= end))
    first_token, last_token = token_of[start[pieces]], token_of[end[pieces]]
    counts = last_token - first_token + 1
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    tokens = np.repeat(first_token, counts) + step
    pieces = np.repeat(pieces, counts)
    order = np.argsort(tokens, kind="stable")
    return tokens[order], pieces[order]
