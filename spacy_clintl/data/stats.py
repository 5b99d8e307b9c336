"""What a corpus holds: documents, labels and how uneven they are, lengths in words and pieces."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors
from .docbin import iter_docbin
from .docs import ENTITIES, has_entities

QUANTILES = (("median", 0.5), ("p90", 0.9), ("p99", 0.99))
# How many texts the tokenizer gets at a time.
BATCH = 256


@dataclass
class Labels:
    """The labels of a task, or those of entities.

    documents (int): Documents that are annotated for it.
    counts (Counter[str]): How many documents, or entities, have a label; 0 for one that is known
        but never holds.
    """

    documents: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def imbalance(self) -> float | None:
        """The count of the most frequent label through that of the rarest which occurs."""
        found = [n for n in self.counts.values() if n]
        return max(found) / min(found) if found else None


@dataclass
class PartStats:
    """What a part of a corpus holds.

    documents (int), tokens (int): How many.
    sentences (int): Of documents that have sentence boundaries.
    labels (dict[str, Labels]): By task; entities under 'entities'.
    words (array): The number of tokens of each document.
    pieces (array | None): The number of word pieces of each document, special ones not counted;
        None without a tokenizer.
    """

    documents: int = 0
    tokens: int = 0
    sentences: int = 0
    labels: dict[str, Labels] = field(default_factory=lambda: defaultdict(Labels))
    words: Any = field(default_factory=lambda: array("L"))
    pieces: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict that fits into JSON, lengths summed up."""
        return {
            "documents": self.documents,
            "tokens": self.tokens,
            "sentences": self.sentences,
            "words": lengths(self.words),
            "word_pieces": None if self.pieces is None else lengths(self.pieces),
            "labels": {
                task: {
                    "documents": labels.documents,
                    "imbalance": labels.imbalance,
                    "counts": dict(labels.counts.most_common()),
                }
                for task, labels in sorted(self.labels.items())
            },
        }


def lengths(values: Any) -> dict[str, float]:
    """Sum up lengths: least, mean, quantiles, greatest.

    values (array): The lengths of documents.
    RETURNS (dict[str, float]): Under 'min', 'mean', 'median', 'p90', 'p99' and 'max'.
    """
    data = np.asarray(values)
    if not len(data):
        return {}
    quantiles = {name: float(np.quantile(data, q)) for name, q in QUANTILES}
    return {
        "min": int(data.min()),
        "mean": float(data.mean()),
        **quantiles,
        "max": int(data.max()),
    }


def corpus_stats(
    parts: Mapping[str, str | Path], encoder: str | Path | None = None
) -> dict[str, PartStats]:
    """Count what the parts of a corpus hold, one document at a time.

    parts (Mapping[str, str | Path]): .spacy files or folders by the names of their parts.
    encoder (str | Path | None): An encoder folder, whose tokenizer counts word pieces.
    RETURNS (dict[str, PartStats]): The figures by part.
    RAISES (ClintlError): A path cannot be read, or the folder has no tokenizer.json.
    """
    count_pieces = None if encoder is None else _piece_counter(Path(encoder))
    found = {}
    for name, path in parts.items():
        part = found[name] = PartStats(pieces=array("L") if count_pieces else None)
        texts = (_add(part, doc) for doc in iter_docbin(path, Vocab(), forget=True))
        while batch := list(islice(texts, BATCH)):
            if count_pieces:
                part.pieces.extend(count_pieces(batch))
    return found


def _add(part: PartStats, doc: Doc) -> str:
    part.documents += 1
    part.tokens += len(doc)
    part.words.append(len(doc))
    if doc.has_annotation("SENT_START"):
        part.sentences += sum(1 for _ in doc.sents)
    for task in {key.partition("/")[0] for key in doc.cats}:
        part.labels[task].documents += 1
    for key, value in doc.cats.items():
        task, _, label = key.partition("/")
        part.labels[task].counts[label] += value >= 0.5
    if has_entities(doc):
        part.labels[ENTITIES].documents += 1
        part.labels[ENTITIES].counts.update(ent.label_ for ent in doc.ents)
    return doc.text


def _piece_counter(folder: Path) -> Callable[[list[str]], Iterator[int]]:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise ClintlError(Errors.CL200.format(path=folder, missing=path.name))
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # The library raises plain Exception.
        raise ClintlError(Errors.CL112.format(path=path, reason=type(error).__name__)) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: list[str]) -> Iterator[int]:
        for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            yield len(encoded)

    return count
