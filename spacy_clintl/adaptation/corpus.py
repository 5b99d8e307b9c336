"""Which documents of the adaptation text are used: each once, and none of an evaluation set.

Texts are read one at a time and only hashes of them are kept, 8 bytes a document. Near duplicates
need a sketch of every document as well, some kilobytes each (see `spacy_clintl.data.duplicates`).
"""

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data.duplicates import LEAST_WORDS, SentenceIndex, Text, TwinIndex, hash_of_words, plain
from ..data.raw import RawText, ReadCounts, read_texts
from ..errors import ClintlError, Errors
from ..util import whole_file
from .blocks import portions
from .settings import AdaptSettings

CHOICE_FILE = "corpus.json"
KEPT_FILE = "kept.npy"
EVALUATION, ADAPTATION = "evaluation", "adaptation text"
# Characters and lines beyond which a .txt is not one note any more.
PILE, PILE_LINES = 100_000, 100


@dataclass(frozen=True)
class Choice:
    """How many documents are used, and why others are not.

    documents (int): Documents in the files.
    kept (int): Those that are used.
    left_out (int): Those that share a text with an evaluation set.
    duplicates (int): Those that say what an earlier one says; white space and case do not count.
    near_duplicates (int): Those that nearly say so; 0 if nobody looked.
    evaluation_texts (int): The texts of the evaluation sets.
    short_evaluation_texts (int): Those without a sentence that is long enough to be looked for.
    evaluation_left_out (dict): Empty and unusable records of the sets, as `ReadCounts` has them.
    """

    documents: int
    kept: int
    left_out: int
    duplicates: int
    near_duplicates: int
    evaluation_texts: int
    short_evaluation_texts: int = 0
    evaluation_left_out: dict[str, Any] = field(default_factory=dict)


class Corpus:
    """The documents to use, read from disk anew for every pass over them.

    texts (Sequence[str | Path]): Files and folders of raw text.
    kept (numpy.ndarray): Shape (documents,): which to use.
    choice (Choice): The counts.
    cut (Optional[tuple[int, int]]): The number of a document that is read as two, and the place
        where the second one begins.
    txt_documents (str): What one document is in a .txt, see `read_texts`.
    """

    def __init__(
        self,
        texts: Sequence[str | Path],
        kept: np.ndarray,
        choice: Choice,
        cut: tuple[int, int] | None = None,
        txt_documents: str = "file",
    ) -> None:
        self.texts = texts
        self.kept = kept
        self.choice = choice
        self.cut = cut
        self.txt_documents = txt_documents

    def __len__(self) -> int:
        """RETURNS (int): How many documents are read."""
        return self.choice.kept + (self.cut is not None)

    def read(self, counts: ReadCounts | None = None) -> Iterator[RawText]:
        """YIELDS (RawText): The documents; `counts` gets what the reading met, kept or not."""
        found = read_texts(self.texts, counts=counts, txt_documents=self.txt_documents)
        for number, text in enumerate(found):
            if self.cut is not None and number == self.cut[0]:
                place = self.cut[1]
                yield RawText(text.text[:place], text.where)
                yield RawText(text.text[place:], text.where)
            elif self.kept[number]:
                yield text


def choose_documents(
    texts: Sequence[str | Path],
    folder: Path,
    settings: AdaptSettings,
    tell: Callable[[str], None],
) -> Corpus:
    """Leave out documents of evaluation sets, then those that occur twice.

    An evaluation text counts as met by the rule of `spacy clintl corpus check`: it says the same as
    a document, or four fifths of its words stand in sentences that the adaptation text holds.
    Every document with a sentence of such a text is left out: afterwards the check finds none.
    The check passes over texts and sentences of a few words. Here a text of any length is met by
    a document that says the same; within a longer one a short text is not looked for.
    Near duplicates of evaluation texts are left out where near duplicates are looked for.

    texts (Sequence[str | Path]): Files and folders of raw text.
    folder (Path): The work folder; the choice is written there, and read when it is there.
    settings (AdaptSettings): `txt_documents`, `deduplicate`, `near_duplicates` and `leave_out`
        count.
    tell (Callable): Takes lines: the counts, and a .txt that may be many documents.
    RETURNS (Corpus): What is left.
    RAISES (ClintlError): Nothing is left, an evaluation set cannot be read or has no text, or
        a library for near duplicates is missing.
    """
    if not (folder / CHOICE_FILE).is_file():
        kept, choice = _choose(texts, settings, tell)
        np.save(folder / KEPT_FILE, kept)
        with whole_file(folder / CHOICE_FILE) as path:
            path.write_text(json.dumps(asdict(choice)), encoding="utf-8")
    kept = np.load(folder / KEPT_FILE)
    choice = Choice(**json.loads((folder / CHOICE_FILE).read_text(encoding="utf-8")))
    _report(choice, settings, tell)
    return Corpus(texts, kept, choice, txt_documents=settings.txt_documents)


def _choose(
    texts: Sequence[str | Path], settings: AdaptSettings, tell: Callable[[str], None]
) -> tuple[np.ndarray, Choice]:
    evaluation = _Evaluation(settings)
    # Compared after evaluation texts are gone: what is left out makes no other a duplicate.
    hashes = array("Q")
    piles = evaluation.piles
    for text in read_texts(texts, txt_documents=settings.txt_documents):
        if settings.deduplicate:
            hashes.append(_digest(text.text))
        if _is_pile(text):
            piles.append(text.where)
        evaluation.look_in(text)
    if piles:
        others = f" and {len(piles) - 1:,} more" if len(piles) > 1 else ""
        tell(
            f"{piles[0]}{others}: read as one document each, but of many lines. If it is many "
            "documents, say so with --txt-documents line, or paragraph where blank lines stand "
            "between them: equal ones, and those of evaluation sets, are looked for one by one."
        )
    left_out = evaluation.left_out()
    documents = len(left_out)
    kept = ~left_out
    if documents and not kept.any():
        raise ClintlError(
            Errors.CL442.format(n=documents, paths=", ".join(map(str, settings.leave_out)))
        )
    duplicates = _repeated(hashes, left_out) if settings.deduplicate else np.zeros_like(kept)
    kept &= ~duplicates
    near = _near(texts, kept, settings) if settings.near_duplicates else np.zeros_like(kept)
    kept &= ~near
    return kept, Choice(
        documents=documents,
        kept=int(kept.sum()),
        left_out=int(left_out.sum()),
        duplicates=int(duplicates.sum()),
        near_duplicates=int(near.sum()),
        evaluation_texts=evaluation.size,
        short_evaluation_texts=evaluation.short,
        evaluation_left_out=evaluation.reading.left_out(),
    )


def _is_pile(text: RawText) -> bool:
    """RETURNS (bool): Whether a text is more than the longest of notes, in lines."""
    is_plain = text.where.lower().endswith((".txt", ".txt.gz"))
    return is_plain and len(text.text) > PILE and text.text.count("\n") > PILE_LINES


class _Evaluation:
    """Evaluation texts, as hashes, and which documents hold a sentence of one."""

    def __init__(self, settings: AdaptSettings) -> None:
        paths, near = settings.leave_out, settings.near_duplicates
        self.size, self.short, self.reading = 0, 0, ReadCounts()
        self.piles: list[str] = []
        self._whole: set[bytes] = set()
        self._sentences = SentenceIndex()
        self._twins = TwinIndex() if near and paths else None
        # One byte a document; sentences of those documents alone that have one of them.
        self._out = bytearray()
        self._met: dict[int, set[bytes]] = {}
        for path in paths:
            before = self.size
            one = settings.txt_documents
            for text in read_texts([path], counts=self.reading, txt_documents=one):
                self._add(text)
                if _is_pile(text):
                    self.piles.append(text.where)
            if self.size == before:
                raise ClintlError(Errors.CL443.format(path=path))

    def _add(self, raw: RawText) -> None:
        self.size += 1
        text = Text(EVALUATION, raw.where, raw.text)
        self._whole.add(hash_of_words(raw.text))
        self.short += not self._sentences.add(text)
        if self._twins is not None:
            self._twins.add(text)

    def look_in(self, raw: RawText) -> None:
        """Look at the next document."""
        if not self.size:
            self._out.append(False)
            return
        text = Text(ADAPTATION, raw.where, raw.text)
        out = hash_of_words(raw.text) in self._whole
        if met := self._sentences.look_in(text):
            self._met[len(self._out)] = met
        if self._twins is not None and not out:
            out = bool(self._twins.compare(text))
        self._out.append(out)

    def left_out(self) -> np.ndarray:
        """RETURNS (numpy.ndarray): Shape (documents,): which ones to leave out."""
        out = np.asarray(self._out, dtype=np.uint8).astype(bool)
        # An evaluation text may be spread over documents: known only after the last of them.
        found = self._sentences.sentences_found()
        for number, met in self._met.items():
            out[number] |= not met.isdisjoint(found)
        return out


def _digest(text: str) -> int:
    """Hash a text that is `plain`, without white space; equal ones of a million: 1 in 10^7."""
    digest = hashlib.blake2b(digest_size=8)
    for part in portions(text):
        # Word by word, so that it is no matter where a long text is cut.
        for word in plain(part).split():
            digest.update(word.encode("utf-8", "surrogatepass") + b" ")
    return int.from_bytes(digest.digest(), "little")


def _repeated(hashes: array, left_out: np.ndarray) -> np.ndarray:
    """RETURNS (numpy.ndarray): Which documents say what an earlier one of the kept ones says."""
    numbers = np.flatnonzero(~left_out)
    _, first = np.unique(np.asarray(hashes, dtype=np.uint64)[numbers], return_index=True)
    repeated = ~left_out
    repeated[numbers[first]] = False
    return repeated


def _near(texts: Iterable[str | Path], kept: np.ndarray, settings: AdaptSettings) -> np.ndarray:
    twins = TwinIndex()
    near = np.zeros_like(kept)
    for number, raw in enumerate(read_texts(texts, txt_documents=settings.txt_documents)):
        if not kept[number]:
            continue
        text = Text(ADAPTATION, str(number), raw.text)
        near[number] = bool(twins.compare(text))
        # A document is compared with those that stay: no chain of small changes empties a corpus.
        if not near[number]:
            twins.add(text)
    return near


def tell_bad(left_out: dict[str, Any], what: str, tell: Callable[[str], None]) -> None:
    """Tell which records were left out, by file and line.

    left_out (dict): Counts, as `ReadCounts.left_out` gives them.
    what (str): What they are records of and what became of them.
    tell (Callable): Takes lines.
    """
    named = left_out["bad_named"]
    lines = [f"{left_out['bad']:,} records {what}:", *named]
    if (more := left_out["bad"] - len(named)) > 0:
        lines.append(f"and {more:,} more.")
    tell("\n".join(lines))


def _report(choice: Choice, settings: AdaptSettings, tell: Callable[[str], None]) -> None:
    if settings.leave_out:
        tell(
            f"{choice.left_out:,} of {choice.documents:,} documents share a text with the "
            f"{choice.evaluation_texts:,} evaluation texts and are left out."
        )
        if choice.short_evaluation_texts:
            tell(
                f"{choice.short_evaluation_texts:,} of the evaluation texts have no sentence of "
                f"{LEAST_WORDS} words or more: only documents that say the same as one of them as "
                "a whole are found."
            )
        if choice.evaluation_left_out.get("bad"):
            what = "of the evaluation sets cannot be used: their texts are not looked for"
            tell_bad(choice.evaluation_left_out, what, tell)
    if choice.duplicates:
        tell(f"{choice.duplicates:,} documents say what an earlier one says and are left out.")
    if choice.near_duplicates:
        tell(f"{choice.near_duplicates:,} near duplicates are left out.")
