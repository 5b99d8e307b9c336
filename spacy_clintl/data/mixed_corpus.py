"""The training reader: several `.spacy` files as one corpus."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors
from .docbin import read_docbin


def make_mixed_corpus_v1(
    paths: str | Sequence[str], limit: int = 0, max_length: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Create a reader that gives the documents of several files in turn.

    Each document keeps the annotation it has: one file may carry categories of one task, another
    entities.

    paths (str | Sequence[str]): `.spacy` files, or folders of them; or one of them.
    limit (int): The greatest number of documents taken from each path; 0 is all.
    max_length (int): Documents with more tokens are cut into sentences where they have any, else
        left out, as by `spacy.Corpus.v1`; 0 is no limit.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (ClintlError): On reading, for a path that is missing, damaged or without documents.
    """

    def read(nlp: Language) -> Iterator[Example]:
        if not paths:
            raise ClintlError(Errors.CL160)
        for path in [paths] if isinstance(paths, str) else paths:
            yield from CheckedCorpus(path, limit=limit, max_length=max_length)(nlp)

    return read


class CheckedCorpus(Corpus):
    """spaCy's corpus, with errors that name the file."""

    def read_docbin(self, vocab: Vocab, locs: Iterable[str | Path]) -> Iterator[Doc]:
        """Yield the documents of each file.

        vocab (Vocab): The vocabulary of the documents.
        locs (Iterable[str | Path]): The files.
        YIELDS (Doc): The reference documents.
        """
        locs = list(locs)
        if not locs:
            raise ClintlError(Errors.CL161.format(path=self.path))
        n_read = 0
        for loc in locs:
            for doc in read_docbin(loc, vocab):
                if len(doc):
                    n_read += 1
                    yield doc
                    if self.limit and n_read >= self.limit:
                        return
