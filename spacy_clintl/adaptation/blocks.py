"""Text as word pieces on disk, and as packed blocks to train on.

Documents are joined with the separator and cut to blocks of one length, so that no position is
padding (RoBERTa's FULL-SENTENCES: Liu et al. 2019, section 4.2). Pieces are kept as 32-bit
numbers in files that are mapped into memory: ten million words take about 60 MB.
"""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from ..data.raw import RawText, ReadCounts, read_texts
from ..util import whole_file

# A tokenizer needs some 150 bytes a piece while it works: long documents go through it in parts.
PORTION = 100_000
BATCH_CHARACTERS = 1_000_000
# Some 5,000 masked pieces: the mean loss is then known to about 0.04 nats.
MAX_HELD_OUT_PIECES = 32_768
# Documents of very unequal sizes: fewer pieces than this share of what is wanted are not enough.
LEAST_HELD_OUT = 0.25
# Word pieces to look at together.
KNOWLEDGE_PIECES = 1 << 22
# A document beyond it could be a good part of the text, or of the held-out part.
LARGE_DOCUMENT = MAX_HELD_OUT_PIECES // 8
COUNTS_FILE = "pieces.json"


class Documents(Protocol):
    """Documents that can be read again for every pass over them."""

    def read(self, counts: ReadCounts | None = None) -> Iterator[RawText]:
        """YIELDS (RawText): The documents; `counts` gets what the reading met."""
        ...


@dataclass(frozen=True)
class PieceCounts:
    """How much text there is.

    words (int): Runs of characters other than white space.
    pieces (int): Word pieces, separators after documents included.
    documents (int): Documents in all.
    held_out_documents (int): Documents that are not trained on.
    held_out_pieces (int): Their word pieces.
    left_out (dict): Empty and unusable records, as `ReadCounts` has them.
    """

    words: int
    pieces: int
    documents: int
    held_out_documents: int
    held_out_pieces: int
    left_out: dict[str, Any]


class Blocks:
    """Blocks of equal length over a run of word pieces; the last one may be filled up.

    pieces (numpy.ndarray): Shape (pieces,), 32-bit integers.
    tokenizer (PreTrainedTokenizerFast): Gives the special pieces.
    length (int): Word pieces a block, special ones included.
    """

    def __init__(self, pieces: np.ndarray, tokenizer: Any, length: int) -> None:
        prefix, suffix = special_frame(tokenizer)
        self.prefix = np.asarray(prefix, dtype=np.int64)
        self.suffix = np.asarray(suffix, dtype=np.int64)
        self.pieces = pieces
        self.length = length
        self.inner = length - len(prefix) - len(suffix)
        self.special = np.asarray(sorted(tokenizer.all_special_ids))
        self.padding = tokenizer.pad_token_id or 0

    def __len__(self) -> int:
        return -(-len(self.pieces) // self.inner)

    def knowledge(self, unknown: int | None) -> tuple[bool, int]:
        """Say whether there is a piece to learn from, and how many stand for what is unknown.

        unknown (Optional[int]): The piece for it, if the vocabulary has one.
        RETURNS (tuple[bool, int]): Whether any piece is no special one, and the count.
        """
        can_learn, n_unknown = False, 0
        for start in range(0, len(self.pieces), KNOWLEDGE_PIECES):
            part = np.asarray(self.pieces[start : start + KNOWLEDGE_PIECES])
            can_learn = can_learn or not np.isin(part, self.special).all()
            n_unknown += 0 if unknown is None else int((part == unknown).sum())
        return can_learn, n_unknown

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        """RETURNS (dict): `input_ids`, `attention_mask`, `special_tokens_mask`, each (length,)."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        text = self.pieces[number * self.inner : (number + 1) * self.inner]
        ids = np.concatenate([self.prefix, text, self.suffix])
        filling = self.length - len(ids)
        mask = np.ones(len(ids), dtype=np.int64)
        return {
            "input_ids": np.pad(ids, (0, filling), constant_values=self.padding),
            "attention_mask": np.pad(mask, (0, filling)),
            "special_tokens_mask": np.pad(
                np.isin(ids, self.special).astype(np.int64), (0, filling), constant_values=1
            ),
        }


class BlockOrder:
    """The blocks in the order of a whole run: a seeded permutation for every pass.

    What stands at a position depends on seed and position alone, so that a run that goes on after
    an interruption sees what it would have seen.

    blocks (Blocks): The blocks to train on.
    first (int): Position to begin at.
    count (int): How many positions there are.
    seed (int): Decides on the permutations.
    """

    def __init__(self, blocks: Blocks, *, first: int, count: int, seed: int) -> None:
        self.blocks = blocks
        self.first = first
        self.count = count
        self.seed = seed
        self._pass = -1
        self._order = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        """RETURNS (dict): A block with its `position` in the run."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        number, offset = divmod(self.first + index, len(self.blocks))
        if number != self._pass:
            self._order = np.random.default_rng([self.seed, number]).permutation(len(self.blocks))
            self._pass = number
        return {**self.blocks[int(self._order[offset])], "position": self.first + index}


def special_frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """RETURNS (tuple): The special pieces that this tokenizer sets before and after a text.

    One that has them, but sets none by itself, gets them all the same: documents need borders.
    """
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if bare and whole[start : start + len(bare)] == bare:
            before, after = whole[:start], whole[start + len(bare) :]
            if before or after:
                return before, after
    first = _first_known(tokenizer.cls_token_id, tokenizer.bos_token_id)
    return first, _first_known(tokenizer.sep_token_id, tokenizer.eos_token_id)


def _first_known(*numbers: int | None) -> list[int]:
    return [number for number in numbers if number is not None][:1]


def write_pieces(
    texts: "Iterable[str | Path] | Documents",
    tokenizer: Any,
    folder: Path,
    *,
    held_out: float,
    seed: int,
    held: np.ndarray | None = None,
) -> PieceCounts:
    """Tokenise documents and divide them into a part to train on and a held-out part.

    texts (Iterable[str | Path] | Documents): Files and folders of raw text, or chosen documents.
    tokenizer (PreTrainedTokenizerFast): The encoder's tokenizer.
    folder (Path): Gets `train.bin` and `held_out.bin` and, when they are whole, `pieces.json`.
    held_out (float): Share of the documents to hold out; of a single document nothing is, nor are
        documents that are large beside the share or `MAX_HELD_OUT_PIECES`.
    seed (int): Decides which.
    held (Optional[numpy.ndarray]): Which documents to hold out, if that is known; (documents,).
    RETURNS (PieceCounts): How much there is.
    RAISES (ClintlError): For files that cannot be read.
    """
    words, lengths, reading = 0, array("q"), ReadCounts()
    read = texts.read if hasattr(texts, "read") else partial(read_texts, texts)
    separator = np.asarray(special_frame(tokenizer)[1][:1], dtype=np.int32)
    everything = folder / "all.bin"
    with everything.open("wb") as file:
        for n_words, ids in _tokenise(read(counts=reading), tokenizer):
            words += n_words
            if len(ids):
                ids = np.concatenate([ids, separator])
            file.write(ids.tobytes())
            lengths.append(len(ids))
    sizes = np.asarray(lengths, dtype=np.int64)
    if held is None:
        held = _choose_held_out(sizes, held_out, seed)
    _divide(everything, sizes, held, folder)
    everything.unlink()
    counts = PieceCounts(
        words=words,
        pieces=int(sizes.sum()),
        documents=len(sizes),
        held_out_documents=int(held.sum()),
        held_out_pieces=int(sizes[held].sum()),
        left_out=reading.left_out(),
    )
    with whole_file(folder / COUNTS_FILE) as path:
        path.write_text(json.dumps(asdict(counts)), encoding="utf-8")
    return counts


def read_pieces(folder: Path) -> tuple[np.ndarray, np.ndarray, PieceCounts] | None:
    """RETURNS (Optional[tuple]): Training pieces, held-out pieces and counts, if all are there."""
    if not (folder / COUNTS_FILE).is_file():
        return None
    counts = PieceCounts(**json.loads((folder / COUNTS_FILE).read_text(encoding="utf-8")))
    train, held = (_map_pieces(folder / name) for name in ("train.bin", "held_out.bin"))
    return train, held, counts


def _map_pieces(path: Path) -> np.ndarray:
    # An empty file cannot be mapped.
    if not path.stat().st_size:
        return np.empty(0, dtype=np.int32)
    return np.memmap(path, dtype=np.int32, mode="r")


def choose_held_out(
    documents: Iterable[RawText], tokenizer: Any, *, held_out: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which documents `write_pieces` would hold out.

    RETURNS (tuple): Word pieces of each document, without a separator, and whether it is held out;
        both of shape (documents,).
    """
    separator = len(special_frame(tokenizer)[1][:1])
    lengths = array("q", (len(ids) for _, ids in _tokenise(documents, tokenizer)))
    sizes = np.asarray(lengths, dtype=np.int64)
    return sizes, _choose_held_out(np.where(sizes, sizes + separator, 0), held_out, seed)


def _tokenise(texts: Iterable[RawText], tokenizer: Any) -> Iterator[tuple[int, np.ndarray]]:
    batch: list[str] = []
    for document in texts:
        batch.append(document.text)
        if sum(map(len, batch)) >= BATCH_CHARACTERS or len(batch) >= 256:
            yield from _tokenise_batch(batch, tokenizer)
            batch = []
    if batch:
        yield from _tokenise_batch(batch, tokenizer)


def _tokenise_batch(texts: list[str], tokenizer: Any) -> Iterator[tuple[int, np.ndarray]]:
    """YIELDS (tuple): Each text's words and word pieces; Python's own numbers take nine times
    the room of an array's and are not kept."""
    cut = [list(portions(text)) for text in texts]
    if sum(map(len, texts)) <= 2 * BATCH_CHARACTERS:
        rows = iter(_piece_ids([part for parts in cut for part in parts], tokenizer))
    else:
        rows = (_piece_ids([part], tokenizer)[0] for parts in cut for part in parts)
    for parts in cut:
        ids = [np.asarray(next(rows), dtype=np.int32) for _ in parts]
        yield count_words(parts), np.concatenate(ids)


def count_words(parts: Iterable[str]) -> int:
    """Count the words of a text without holding all of them.

    parts (Iterable[str]): The text in parts, as `portions` cuts it.
    RETURNS (int): Runs of characters other than white space; one across a cut is a single one.
    """
    words, last = 0, " "
    for part in filter(None, parts):
        words += len(part.split()) - (not (last.isspace() or part[0].isspace()))
        last = part[-1]
    return words


def _piece_ids(texts: list[str], tokenizer: Any) -> list[list[int]]:
    # verbose=False: length is no matter here, the pieces are cut to blocks afterwards.
    return tokenizer(
        texts,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]


def portions(text: str) -> Iterator[str]:
    """YIELDS (str): Parts of a text, cut before a space wherever there is one."""
    start = 0
    while len(text) - start > PORTION:
        # A space stays with the word behind it, of which it is a part for most vocabularies.
        spaces = (text.rfind(space, start + 1, start + PORTION) for space in " \n")
        end = next((space for space in spaces if space > start), start + PORTION)
        yield text[start:end]
        start = end
    yield text[start:]


def enough_held_out(n_pieces: int, share: float) -> float:
    """Say how many word pieces are enough to measure on.

    n_pieces (int): Those of the whole text.
    share (float): What is to be held out of it.
    RETURNS (float): Pieces.
    """
    return LEAST_HELD_OUT * min(share * n_pieces, MAX_HELD_OUT_PIECES)


def _choose_held_out(sizes: np.ndarray, share: float, seed: int) -> np.ndarray:
    chosen = np.zeros(len(sizes), dtype=bool)
    if share <= 0 or len(sizes) < 2:
        return chosen
    wanted = min(max(1, round(share * len(sizes))), len(sizes) - 1)
    total, held = int(sizes.sum()), 0
    # The rest is for training, however unequal the documents are. Of large ones the share counts
    # in pieces, doubled because it can never be met exactly.
    limit, limit_large = (1 + share) / 2 * total, min(MAX_HELD_OUT_PIECES, 2 * share * total)
    enough = enough_held_out(total, share)
    for number in np.random.default_rng([seed, len(sizes)]).permutation(len(sizes)):
        if (not wanted and held >= enough) or held >= MAX_HELD_OUT_PIECES:
            break
        size = int(sizes[number])
        if held + size <= (limit_large if size > LARGE_DOCUMENT else limit):
            chosen[number] = True
            held, wanted = held + size, max(0, wanted - 1)
    return chosen


def _divide(everything: Path, sizes: np.ndarray, held: np.ndarray, folder: Path) -> None:
    pieces = _map_pieces(everything)
    ends = np.cumsum(sizes)
    with (folder / "train.bin").open("wb") as train, (folder / "held_out.bin").open("wb") as rest:
        for size, end, out in zip(sizes, ends, held):
            file: BinaryIO = rest if out else train
            file.write(pieces[end - size : end].tobytes())
