"""The training reader: several `.spacy` files as one corpus, streamed."""

import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors, Warnings
from .docbin import count_docs, docbin_files, iter_file

# How many documents a shuffled stream holds at a time.
BUFFER = 1000


def make_mixed_corpus_v1(
    paths: str | Sequence[str] | Mapping[str, str],
    limit: int | Mapping[str, int] = 0,
    max_length: int = 0,
    temperature: float | None = None,
    seed: int | None = None,
    augmenter: Callable[[Language, Example], Iterable[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Create a reader that gives the documents of several corpora.

    Each document keeps the annotation it has: one corpus may carry categories of one task, another
    entities. Documents are read as they are asked for. `spacy train` holds a whole training corpus
    in memory and shuffles it unless `max_epochs = -1` under [training] makes it stream; set a
    `seed` then, so that the stream is shuffled here.

    paths (str | Sequence[str] | Mapping[str, str]): The corpora: `.spacy` files, or folders of
        them. A table names them; else a corpus is called by its file or folder, less '.spacy'.
    limit (int | Mapping[str, int]): The greatest number of documents taken from each corpus, or
        such numbers by the names of corpora; 0 is all. Without a seed the first are taken, with a
        seed a random sample, the same one in each epoch.
    max_length (int): Documents with more tokens are cut into sentences where they have any, else
        left out with a warning; 0 is no limit.
    temperature (float | None): None gives one corpus after the other, each document once. A number
        T of at least 1 mixes them: of an epoch, which has as many documents as the corpora
        together, a corpus of n documents gets a share proportional to n ** (1 / T) (Conneau et al.
        2020, section 3.1, with alpha = 1 / T). 1 keeps the proportions, greater values show small
        corpora more often; what an epoch leaves over of a large corpus comes in the next.
    seed (int | None): Shuffles each corpus (files, and documents within a buffer of 1,000), anew in
        each epoch and the same way in each run. None keeps the order of the files.
    augmenter (Callable | None): As of `spacy.Corpus.v1`.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (ClintlError): No path, a path listed twice, a limit for an unknown corpus, or a
        temperature below 1. On reading: a path that is missing, damaged or without documents.
    """
    if not paths:
        raise ClintlError(Errors.CL160)
    if temperature is not None and not 1 <= temperature < float("inf"):
        raise ClintlError(Errors.CL156.format(temperature=temperature))
    named = _named(paths)
    limits = dict(limit) if isinstance(limit, Mapping) else dict.fromkeys(named, limit)
    for name in limits:
        if name not in named:
            raise ClintlError(Errors.CL158.format(name=name, known=", ".join(named)))
    parts = [CorpusPart(path, limits.get(name, 0), seed) for name, path in named.items()]
    # Its methods make examples; what it would read is ours.
    corpus = Corpus(None, max_length=max_length, augmenter=augmenter)  # type: ignore[arg-type]
    rng = random.Random(seed or 0)

    def read(nlp: Language) -> Iterator[Example]:
        docs: Iterator[Doc]
        if temperature is None:
            docs = (doc for part in parts for doc in part.read(nlp.vocab))
        else:
            docs = mix(parts, temperature, nlp.vocab, rng)
        for example in corpus.make_examples(nlp, _warn_if_lost(docs, max_length)):
            yield from corpus.augmenter(nlp, example)

    return read


class CorpusPart:
    """One of the corpora, read as often as it takes.

    path (str): A `.spacy` file or a folder of them.
    limit (int): The greatest number of documents; 0 is all.
    seed (int | None): As of `make_mixed_corpus_v1`.
    """

    def __init__(self, path: str, limit: int, seed: int | None) -> None:
        self.path = path
        self.limit = limit
        self.seed = seed
        self._rng = random.Random(f"{seed} {Path(path).name}")
        self._sample: set[int] | None = None
        self._size: int | None = None
        self._rest: Iterator[Doc] = iter(())

    @property
    def size(self) -> int:
        """How many documents one reading gives; those without tokens do not count."""
        if self._size is None:
            n = sum(count_docs(file) for file in docbin_files(self.path))
            if not n:
                raise ClintlError(Errors.CL152.format(path=self.path))
            self._size = min(n, self.limit) if self.limit else n
            if self.limit and self.seed is not None:
                # Drawn apart from the order, so that every epoch has the same sample.
                chosen = random.Random(self.seed).sample(range(n), self._size)
                self._sample = set(chosen)
        return self._size

    def read(self, vocab: Vocab) -> Iterator[Doc]:
        """Yield the documents once.

        vocab (Vocab): The vocabulary of the documents.
        """
        if self.seed is None:
            yield from self._chosen(vocab, docbin_files(self.path))
            return
        files = docbin_files(self.path)
        # A sample is named by position, so it is read in the files' order.
        if not self.limit:
            self._rng.shuffle(files)
        yield from _shuffled(self._chosen(vocab, files), self._rng)

    def next(self, vocab: Vocab) -> Doc:
        """Return the document after the last one that was given; after the last, begin again."""
        for doc in self._rest:
            return doc
        self._rest = self.read(vocab)
        return next(self._rest)

    def _chosen(self, vocab: Vocab, files: Iterable[Path]) -> Iterator[Doc]:
        if self.limit and self.seed is not None:
            _ = self.size  # draws the sample
        n_read = 0
        for file in files:
            for doc in iter_file(file, vocab):
                if not len(doc):
                    continue
                if self._sample is None or n_read in self._sample:
                    yield doc
                n_read += 1
                if self._sample is None and self.limit and n_read >= self.limit:
                    return
        if not n_read:
            raise ClintlError(Errors.CL152.format(path=self.path))


def mix(
    parts: Sequence[CorpusPart], temperature: float, vocab: Vocab, rng: random.Random
) -> Iterator[Doc]:
    """Yield an epoch of documents from several corpora in random order.

    parts (Sequence[CorpusPart]): The corpora.
    temperature (float): As of `make_mixed_corpus_v1`.
    vocab (Vocab): The vocabulary of the documents.
    rng (random.Random): Decides the order of the corpora.
    YIELDS (Doc): As many documents as the corpora have together.
    """
    left = quotas([part.size for part in parts], temperature)
    while any(left):
        [chosen] = rng.choices(range(len(parts)), left)
        left[chosen] -= 1
        yield parts[chosen].next(vocab)


def quotas(sizes: Sequence[int], temperature: float) -> list[int]:
    """Share an epoch among corpora.

    sizes (Sequence[int]): The number of documents of each.
    temperature (float): 1 keeps the sizes; the greater, the more even.
    RETURNS (list[int]): How many documents of each; their sum is that of the sizes, none is 0.
    """
    weights = [size ** (1 / temperature) for size in sizes]
    wanted = [sum(sizes) * weight / sum(weights) for weight in weights]
    shares = [max(1, int(n)) for n in wanted]
    # Largest remainders get what rounding down left over, or give what the least corpora took.
    while left := sum(sizes) - sum(shares):
        gaps = [n - share for n, share in zip(wanted, shares, strict=True)]
        place = gaps.index(max(gaps) if left > 0 else min(gaps))
        shares[place] += 1 if left > 0 else -1
    return shares


def _named(paths: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(paths, Mapping):
        return {name: str(path) for name, path in paths.items()}
    listed = [str(path) for path in ([paths] if isinstance(paths, str) else paths)]
    short = [Path(path).name.removesuffix(".spacy") for path in listed]
    # Corpora that share a name, such as many a train.spacy, go by their whole path.
    named = {
        name if short.count(name) == 1 else path: path
        for name, path in zip(short, listed, strict=True)
    }
    if len(named) < len(listed):
        twice = next(path for path in listed if listed.count(path) > 1)
        raise ClintlError(Errors.CL157.format(path=twice))
    return named


def _shuffled(docs: Iterator[Doc], rng: random.Random) -> Iterator[Doc]:
    buffer: list[Doc] = []
    for doc in docs:
        if len(buffer) < BUFFER:
            buffer.append(doc)
            continue
        place = rng.randrange(BUFFER)
        yield buffer[place]
        buffer[place] = doc
    rng.shuffle(buffer)
    yield from buffer


def _warn_if_lost(docs: Iterator[Doc], max_length: int) -> Iterator[Doc]:
    n_lost = 0
    for doc in docs:
        n_lost += bool(
            max_length and len(doc) >= max_length and not doc.has_annotation("SENT_START")
        )
        yield doc
    if n_lost:
        warnings.warn(Warnings.CW160.format(n=n_lost, max_length=max_length), stacklevel=2)
