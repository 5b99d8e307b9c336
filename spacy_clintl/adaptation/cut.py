"""A held-out part for text that is nothing but large documents: the end of one of them.

One file of text, or a few, each of them one document, are no rare thing to adapt to. Held out as a
whole, one would be half of the text or all of it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..util import whole_file
from .blocks import LARGE_DOCUMENT, MAX_HELD_OUT_PIECES, choose_held_out, enough_held_out
from .corpus import Corpus
from .settings import AdaptSettings

CUT_FILE = "cut.json"
# How far to look for the end of a line or a word.
LINE, WORD = 2_000, 200
# Of documents that are not large. So many are sure to have a held-out part that is no scrap.
ENOUGH_CHARACTERS = 10 * MAX_HELD_OUT_PIECES


def cut_if_large(
    corpus: Corpus,
    tokenizer: Any,
    work: Path,
    settings: AdaptSettings,
    tell: Callable[[str], None],
) -> Corpus:
    """Read a document as two if none is small enough to be held out.

    corpus (Corpus): The documents.
    tokenizer (PreTrainedTokenizerFast): The base's tokenizer.
    work (Path): The work folder; the decision is written there, and read when it is there.
    settings (AdaptSettings): `held_out` and `seed` count.
    tell (Callable): Takes a line if a document is cut.
    RETURNS (Corpus): The same documents; the second part of one may stand for itself.
    """
    path = work / CUT_FILE
    if not path.is_file():
        found = _find_cut(corpus, tokenizer, settings)
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(found), encoding="utf-8")
    cut = json.loads(path.read_text(encoding="utf-8"))
    if cut is None:
        return corpus
    if len(corpus) > 1:
        tell("All documents are large: the end of one is held out, not a whole one.")
    else:
        tell("There is one document, a large one: its end is held out.")
    return Corpus(
        corpus.texts,
        corpus.kept,
        corpus.choice,
        cut=tuple(cut),
        txt_documents=corpus.txt_documents,
    )


def _find_cut(corpus: Corpus, tokenizer: Any, settings: AdaptSettings) -> tuple[int, int] | None:
    share, seed = settings.held_out, settings.seed
    if share <= 0 or not len(corpus):
        return None
    # As a rule the first documents show that there is enough to hold out: a document has no more
    # pieces than characters, and the smallest one no more than its share. Else all are counted.
    # The end of a single one that is not much larger would be too little to measure anything on.
    few = len(corpus) > 1 and 2 * share * len(corpus) < 1
    small = LARGE_DOCUMENT if few else MAX_HELD_OUT_PIECES
    n_small = 0
    for text in corpus.read():
        n_small += len(text.text) if len(text.text) <= small else 0
        if n_small >= ENOUGH_CHARACTERS:
            return None
    if len(corpus) == 1 and n_small:
        return None
    sizes, held = choose_held_out(corpus.read(), tokenizer, held_out=share, seed=seed)
    large = np.flatnonzero(sizes > LARGE_DOCUMENT)
    if sizes[held].sum() >= enough_held_out(int(sizes.sum()), share) or not len(large):
        return None
    chosen = int(large[np.random.default_rng([seed, len(sizes)]).integers(len(large))])
    # Three quarters, as some parts of a document have more pieces than others.
    wanted = min(0.75 * MAX_HELD_OUT_PIECES, share * int(sizes.sum()))
    text = next(text.text for i, text in enumerate(corpus.read()) if i == chosen)
    place = int(len(text) * (1 - wanted / int(sizes[chosen])))
    ends = (text.find("\n", place, place + LINE), text.find(" ", place, place + WORD))
    place = next((end for end in ends if end > 0), place)
    return int(np.flatnonzero(corpus.kept)[chosen]), place
