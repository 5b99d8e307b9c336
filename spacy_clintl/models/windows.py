"""From documents to windows of word pieces, and back to tokens.

A document that fits the encoder is one window, so nothing is encoded twice. A longer one is cut
into evenly spread windows of full length that overlap; each word piece is then read from the
window in which it has the most context on its poorer side ("maximum context" in Devlin et al.
2019, the SQuAD code).

A document that is a pair (see `spacy_clintl.pairs`) is encoded as the tokenizer encodes two
sequences, with its separator between them. If both do not fit, each window holds a part of either
side; a side that takes no more than half of a window stands whole in all of them, as the question
does in the SQuAD code, and its tokens are the mean over the windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc

from ..errors import ClintlError, Errors
from ..pairs import SEPARATOR, split_pair


@dataclass(frozen=True)
class SpecialPieces:
    """What the tokenizer puts around one sequence, or around and between two.

    ids (list[ndarray]): The ids before the first sequence, e.g. of [CLS], between two, and behind
        the last, e.g. of [SEP]; each int64, shape (n,).
    strings (list[list[str]]): The pieces themselves.
    types (list[ndarray]): Their token types; each int64, shape (n,).
    side_types (list[int]): The token type of each sequence.
    """

    ids: list[np.ndarray]
    strings: list[list[str]]
    types: list[np.ndarray]
    side_types: list[int]

    def __len__(self) -> int:
        return sum(map(len, self.ids))

    @classmethod
    def of(cls, tokenizer: Any, n_sides: int) -> "SpecialPieces":
        """Find them by asking: templates differ too much between kinds to be looked up."""
        [encoding] = tokenizer(*["a"] * n_sides).encodings
        places: list[list[int]] = [[] for _ in range(n_sides + 1)]
        side_types = [0] * n_sides
        place = 0
        for i, side in enumerate(encoding.sequence_ids):
            if side is None:
                places[place].append(i)
            else:
                place = side + 1
                side_types[side] = encoding.type_ids[i]
        return cls(
            [np.asarray([encoding.ids[i] for i in part], dtype="int64") for part in places],
            [[encoding.tokens[i] for i in part] for part in places],
            [np.asarray([encoding.type_ids[i] for i in part], dtype="int64") for part in places],
            side_types,
        )


@dataclass(frozen=True)
class DocWindows:
    """The windows of one document, all of the same length.

    input_ids (ndarray): Word piece ids with special ones; int64, shape (windows, pieces).
    strings (list[list[str]]): The pieces themselves, same shape.
    rows (ndarray): For each token in turn, the rows of its word pieces in the encoder's output
        for this document, reshaped to (windows * pieces, width); int32, shape (n,).
    lengths (ndarray): How many of `rows` belong to each token; int32, shape (tokens,).
    types (Optional[ndarray]): The token types of a pair, shaped as `input_ids`; else None.
    """

    input_ids: np.ndarray
    strings: list[list[str]]
    rows: np.ndarray
    lengths: np.ndarray
    types: np.ndarray | None = None

    def type_rows(self) -> list[np.ndarray | None]:
        """RETURNS (list[Optional[ndarray]]): Each window's token types."""
        return [None] * len(self.input_ids) if self.types is None else list(self.types)


def cut_windows(
    docs: Sequence[Doc],
    tokenizer: Any,
    special: tuple[SpecialPieces, SpecialPieces],
    *,
    window: int,
    overlap: int,
) -> list[DocWindows | None]:
    """Cut documents into windows of word pieces.

    docs (Sequence[Doc]): The documents. Any tokenization will do, as pieces and tokens are
        matched by their characters.
    tokenizer (PreTrainedTokenizerFast): Gives the word pieces.
    special (tuple[SpecialPieces, SpecialPieces]): What to put around one sequence, and around
        and between the two of a pair.
    window (int): The greatest length of a window in word pieces, special ones included.
    overlap (int): How many word pieces two windows share at least; fewer in a side of a pair that
        has little room.
    RETURNS (list[Optional[DocWindows]]): One for each document; None for those without tokens.
    """
    sides = [_sides(doc.text) for doc in docs if len(doc)]
    for pieces in {len(each): special[len(each) - 1] for each in sides}.values():
        # Each side of a pair needs room for a piece at least.
        if window - len(pieces) <= max(overlap, len(pieces.side_types) - 1):
            message = Errors.CL209.format(window=window, overlap=overlap, special=len(pieces))
            raise ClintlError(message)
    if not sides:
        return [None for _ in docs]
    encodings = iter(
        tokenizer(
            [side for each in sides for side in each],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            # We cut by ourselves: the remark that a text is longer than the encoder is noise.
            verbose=False,
        ).encodings
    )
    remaining = iter(sides)
    return [
        _cut_one(doc, [next(encodings) for _ in next(remaining)], special, window, overlap)
        if len(doc)
        else None
        for doc in docs
    ]


def _sides(text: str) -> tuple[str, ...]:
    return split_pair(text) or (text,)


def _cut_one(
    doc: Doc,
    encodings: list[Any],
    specials: tuple[SpecialPieces, SpecialPieces],
    window: int,
    overlap: int,
) -> DocWindows:
    special = specials[len(encodings) - 1]
    starts, sizes = _spread([len(e.ids) for e in encodings], window - len(special), overlap)
    n_windows = len(starts[0])
    id_parts, type_parts = [special.ids[0]], [special.types[0]]
    strings = [list(special.strings[0]) for _ in range(n_windows)]
    columns = []  # where each side begins in a window
    for side, encoding in enumerate(encodings):
        columns.append(len(strings[0]))
        ids = np.asarray(encoding.ids, dtype="int64")
        id_parts += [ids[starts[side][:, None] + np.arange(sizes[side])], special.ids[side + 1]]
        side_types = np.full(sizes[side], special.side_types[side], dtype="int64")
        type_parts += [side_types, special.types[side + 1]]
        pieces = encoding.tokens
        for row, start in zip(strings, starts[side].tolist()):
            row += pieces[start : start + sizes[side]] + special.strings[side + 1]
    input_ids = _side_by_side(id_parts, n_windows)
    tokens, rows = _match_rows(doc, encodings, starts, sizes, columns, input_ids.shape[1])
    lengths = np.bincount(tokens, minlength=len(doc))
    return DocWindows(
        input_ids,
        strings,
        rows.astype("int32"),
        lengths.astype("int32"),
        _side_by_side(type_parts, n_windows) if len(encodings) > 1 else None,
    )


def _side_by_side(parts: list[np.ndarray], n_windows: int) -> np.ndarray:
    """Join columns, of which some are the same in all windows."""
    return np.concatenate(
        [np.broadcast_to(part, (n_windows, part.shape[-1])) for part in parts], axis=1
    )


def _spread(lengths: list[int], capacity: int, overlap: int) -> tuple[list[np.ndarray], list[int]]:
    """Give each side's starts in the windows, and how much of it each window holds."""
    if len(lengths) == 1:
        return [window_starts(lengths[0], capacity, overlap)], [min(lengths[0], capacity)]
    if sum(lengths) <= capacity:
        return [np.zeros(1, dtype="int64") for _ in lengths], lengths
    shorter = min(min(lengths), capacity // 2)
    sizes = [shorter, capacity - shorter]
    if lengths[0] > lengths[1]:
        sizes.reverse()
    n_windows = max(
        len(window_starts(length, size, min(overlap, size // 2)))
        for length, size in zip(lengths, sizes)
    )
    return [
        (np.arange(n_windows) * (length - size)) // (n_windows - 1)
        for length, size in zip(lengths, sizes)
    ], sizes


def _match_rows(
    doc: Doc,
    encodings: list[Any],
    starts: list[np.ndarray],
    sizes: list[int],
    columns: list[int],
    n_columns: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Match tokens to rows of the encoder's output, by token."""
    offsets = [np.asarray(e.offsets, dtype="int64").reshape(-1, 2) for e in encodings]
    if len(offsets) > 1:
        offsets[1] = offsets[1] + doc.text.index(SEPARATOR) + 1
    tokens, pieces = match_pieces(doc, np.concatenate(offsets))
    n_first = len(offsets[0])
    found_tokens, found_rows = [], []
    for side, (begin, size) in enumerate(zip(starts, sizes)):
        mine = (pieces >= n_first) == (side == 1)
        side_tokens, side_pieces = tokens[mine], pieces[mine] - side * n_first
        if begin[-1] == 0:  # whole in each window
            owner = np.arange(len(begin))[:, None]
            side_tokens = np.tile(side_tokens, len(begin))
        else:
            # In the shared part of two windows, the first half is read from the first window.
            borders = (begin[1:] + begin[:-1] + size) // 2
            owner = np.searchsorted(borders, side_pieces, side="right")
        rows = owner * n_columns + columns[side] + side_pieces - begin[owner]
        found_tokens.append(side_tokens)
        found_rows.append(rows.ravel())
    tokens, rows = np.concatenate(found_tokens), np.concatenate(found_rows)
    order = np.argsort(tokens, kind="stable")
    return tokens[order], rows[order]


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
