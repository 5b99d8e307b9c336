"""More words for a tokenizer: frequent ones of a domain that it cuts into many pieces.

A word's worth is the number of pieces it saves, count x (pieces - 1). Words are runs of letters of
any script, as the tokenizer's normaliser leaves them, with hyphens inside where the tokenizer can
hold them. What stands in one run with digits, `@`, `_` or an address is no word.

A vocabulary is part of what is handed on. A rare word in it could give away a patient's name:
words must occur in `min_count` documents (default 20), and documents that say the same count once
where duplicates are left out. This is no de-identification: the name of a physician who signs
every note is frequent, too. The added words are listed in `adaptation.json` for review.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex
from transformers import AutoTokenizer

from ..errors import ClintlError, Errors
from ..util import quiet_transformers, whole_folder
from .blocks import PieceCounts, choose_held_out, count_words, portions
from .corpus import Corpus
from .growth import WordPieceGrowth, growth_of
from .settings import AdaptSettings

WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:[-\u2010\u2011]\p{L}[\p{L}\p{M}]*)*")
NO_WORDS = regex.compile(r"[\p{N}_@\\]|://|www\.")
CAMEL_CASE = regex.compile(r"\p{Ll}{2}\p{Lu}")
LEAST_LETTERS, MOST_LETTERS = 3, 50
# Some 60 MB. Beyond it the rarest are forgotten (Manku and Motwani 2002, lossy counting).
MAX_WORDS = 300_000
COUNT_BITS = 32


@dataclass(frozen=True)
class Growth:
    """What was added to a vocabulary.

    words (list[str]): The new words, each once, the worthiest first.
    entries (list[str]): What stands in the vocabulary, in the order of the ids: a word can have
        a form of its own behind a blank, and stand in the letters that BPE has for bytes.
    ids (list[int]): Their ids.
    pieces (list[list[int]]): The ids of the pieces that each one stands for.
    held_out_words (int): Words of the held-out part, runs of characters other than white space.
    pieces_before (int): Word pieces of the held-out part as the base cuts it.
    held_out (list[int]): The numbers of the held-out documents.
    all_pieces_before (int): Word pieces of all documents as the base cuts them.
    separators (int): Documents with a word piece: each gets a separator when it is packed.
    """

    words: list[str]
    entries: list[str]
    ids: list[int]
    pieces: list[list[int]]
    held_out_words: int
    pieces_before: int
    held_out: list[int]
    all_pieces_before: int = 0
    separators: int = 0

    def mask(self, documents: int) -> np.ndarray:
        """RETURNS (numpy.ndarray): Which documents are held out, shape (documents,)."""
        mask = np.zeros(documents, dtype=bool)
        mask[self.held_out] = True
        return mask

    def report(self, settings: AdaptSettings, counts: PieceCounts) -> dict[str, Any]:
        """Sum up for `adaptation.json`.

        settings (AdaptSettings): The run's settings.
        counts (PieceCounts): Word pieces as the grown tokenizer cuts, separators included.
        RETURNS (dict): Number of entries, the words, and pieces a word before and after: of the
            held-out part, which had no say in them, and of all documents.
        """
        held = counts.held_out_pieces - len(self.held_out)
        everything = counts.pieces - self.separators
        return {
            "n_added": len(self.entries),
            "min_count": settings.min_count,
            "held_out_pieces_per_word": _ratios(self.pieces_before, held, self.held_out_words),
            "pieces_per_word": _ratios(self.all_pieces_before, everything, counts.words),
            "added": self.words,
        }


def _ratios(before: int, after: int, words: int) -> dict[str, float | None]:
    shares = {"before": before, "after": after}
    return {key: pieces / words if words else None for key, pieces in shares.items()}


def grow_vocabulary(
    tokenizer: Any,
    corpus: Corpus,
    work: Path,
    settings: AdaptSettings,
    *,
    base: str | Path,
    tell: Callable[[str], None],
) -> tuple[Any, Growth]:
    """Add the words to a tokenizer that save most pieces; held-out documents have no say.

    tokenizer (PreTrainedTokenizerFast): The base's tokenizer.
    corpus (Corpus): The documents.
    work (Path): The work folder; gets the folder `tokenizer`, which is read when it is there.
    settings (AdaptSettings): `add_words`, `min_count`, `held_out` and `seed` count.
    base (str | Path): Names the base in messages.
    tell (Callable): Takes a line with the number of words.
    RETURNS (tuple): The grown tokenizer as it is read from its folder, and what was added.
    RAISES (ClintlError): The kind of tokenizer cannot grow, or does not keep its numbers.
    """
    way = growth_of(tokenizer, base)
    folder = work / "tokenizer"
    if not folder.is_dir():
        sizes, held = choose_held_out(
            corpus.read(), tokenizer, held_out=settings.held_out, seed=settings.seed
        )
        counts, n_words = WordCounts(way), 0
        for out, text in zip(held, corpus.read()):
            if out:
                n_words += count_words(portions(text.text))
            else:
                counts.add(text.text)
        grown, chosen = _choose(way, counts, settings)
        growth = Growth(
            words=list(dict.fromkeys(chosen.values())),
            entries=list(chosen),
            ids=[grown.convert_tokens_to_ids(entry) for entry in chosen],
            pieces=[way.pieces(entry) for entry in chosen],
            held_out_words=n_words,
            pieces_before=int(sizes[held].sum()),
            held_out=np.flatnonzero(held).tolist(),
            all_pieces_before=int(sizes.sum()),
            separators=int((sizes > 0).sum()),
        )
        with whole_folder(folder) as temporary:
            grown.save_pretrained(temporary)
            text_of = json.dumps(asdict(growth), ensure_ascii=False)
            (temporary / "growth.json").write_text(text_of, encoding="utf-8")
            _check_numbers(tokenizer, _read(temporary), growth, base)
    growth = Growth(**json.loads((folder / "growth.json").read_text(encoding="utf-8")))
    grown = _read(folder)
    if growth.entries:
        tell(f"{len(growth.entries):,} words are added to the vocabulary.")
    else:
        tell(
            f"No words are added: none that the tokenizer cuts occurs in {settings.min_count:,} "
            "documents. --min-count sets another number."
        )
    return grown, growth


def _read(folder: Path) -> Any:
    with quiet_transformers():
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )


def _check_numbers(tokenizer: Any, grown: Any, growth: Growth, base: str | Path) -> None:
    """Hold a grown tokenizer, saved and read again, to the numbers that the model has rows for."""
    expected = {**tokenizer.get_vocab(), **dict(zip(growth.entries, growth.ids))}
    found = grown.get_vocab()
    moved = sum(found.get(piece) != number for piece, number in expected.items())
    if moved or len(set(growth.ids) - set(tokenizer.get_vocab().values())) < len(growth.ids):
        reason = f"saved and read again, {moved:,} of its pieces would have other numbers"
        raise ClintlError(Errors.CL440.format(path=base, reason=reason))


class WordCounts:
    """Counts words and the documents they occur in, in bounded memory.

    way (WordPieceGrowth): Normalises texts.
    limit (int): How many words are kept. Beyond it counts are too low by a few.
    """

    def __init__(self, way: WordPieceGrowth, limit: int = MAX_WORDS) -> None:
        self.way = way
        self.limit = limit
        self.floor = 0
        # Occurrences and documents in one number: half the memory of a pair. A blank before a
        # word stands for its form behind a blank.
        self._counts: dict[str, int] = {}

    def add(self, text: str) -> None:
        """Count a document's words."""
        own: Counter[str] = Counter()
        for part in portions(text):
            own.update(_words(self.way.normalise(part), self.way))
        for word, count in own.items():
            self._counts[word] = self._counts.get(word, 0) + (count << COUNT_BITS) + 1
        while len(self._counts) > self.limit:
            self.floor += 1
            self._counts = {w: n for w, n in self._counts.items() if _documents(n) > self.floor}

    def items(self, min_documents: int) -> Iterator[tuple[str, bool, int]]:
        """YIELDS (tuple): Words, whether it is the form behind a blank, and how often."""
        for word, number in self._counts.items():
            if _documents(number) >= min_documents:
                yield word.lstrip(" "), word.startswith(" "), number >> COUNT_BITS


def _documents(number: int) -> int:
    return number & ((1 << COUNT_BITS) - 1)


def _words(text: str, way: WordPieceGrowth) -> Iterator[str]:
    for run in regex.finditer(r"\S+", text):
        if NO_WORDS.search(run[0]):
            continue
        for match in WORD.finditer(run[0]):
            word, place = match[0], run.start() + match.start()
            if LEAST_LETTERS <= len(word) <= MOST_LETTERS and not CAMEL_CASE.search(word):
                before = text[place - 1] if place else ""
                yield " " + word if way.is_spaced(before) else word


def _choose(
    way: WordPieceGrowth, counts: WordCounts, settings: AdaptSettings
) -> tuple[Any, dict[str, str]]:
    """RETURNS (tuple): The grown tokenizer, and the words by their entries, worthiest first."""
    worth: dict[str, int] = {}
    words: dict[str, str] = {}
    for word, spaced, count in counts.items(settings.min_count):
        entry = way.entry(word, spaced)
        if entry and way.backend.token_to_id(entry) is None:
            worth[entry] = count * (len(way.pieces(entry)) - 1)
            words[entry] = word
    ranked = sorted((e for e in worth if worth[e] > 0), key=lambda e: (-worth[e], e))
    while True:
        chosen = ranked[: settings.add_words]
        grown = way.grown(chosen)
        broken = {e for e in chosen if not way.is_whole(e, grown.backend_tokenizer)}
        if not broken:
            return grown, {entry: words[entry] for entry in chosen}
        ranked = [entry for entry in ranked if entry not in broken]
