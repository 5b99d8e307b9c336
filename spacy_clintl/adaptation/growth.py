"""Tokenizers that get more words, each by the means of its kind.

| kind | how a word is added | what else changes |
|---|---|---|
| WordPiece | an added token, matched as a whole word in normalised text | nothing |
| byte-level BPE | an entry for the whole pre-token, which goes before merges | nothing |
| Unigram | an entry that costs as much as its pieces | longer words with these same pieces |

Added tokens would not do for the other two kinds: a text is cut around them, and a blank before
one becomes a piece of its own. An entry would not do for WordPiece: it takes the longest match
from the left, so that each longer word with the same beginning changed.
What comes out is a fast tokenizer of the same class. Ids that were there stay as they were.
"""

import copy
import json
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from ..errors import ClintlError, Errors

BLANK = "▁"
# Enough for a Unigram entry to be chosen before its pieces, and too little to move a border.
MARGIN = 1e-4


class WordPieceGrowth:
    """For WordPiece. An entry is a word as the normaliser leaves it.

    tokenizer (PreTrainedTokenizerFast): The tokenizer to grow; is not changed itself.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.backend: Tokenizer = tokenizer.backend_tokenizer
        # Not the number of tokens: some vocabularies have holes.
        self.first = 1 + max(self.backend.get_vocab(with_added_tokens=True).values())

    def normalise(self, text: str) -> str:
        """RETURNS (str): The text as the model sees it."""
        normalizer = self.backend.normalizer
        return normalizer.normalize_str(text) if normalizer is not None else text

    def is_spaced(self, before: str) -> bool:
        """RETURNS (bool): Whether a word has a form of its own behind this character."""
        return False

    def entry(self, word: str, spaced: bool) -> str:
        """RETURNS (str): What stands in the vocabulary for a word; "" if nothing can."""
        return word

    def pieces(self, entry: str) -> list[int]:
        """RETURNS (list[int]): The word pieces that an entry stands for."""
        return self.backend.encode(entry, add_special_tokens=False).ids

    def grown(self, entries: Sequence[str]) -> Any:
        """RETURNS (PreTrainedTokenizerFast): A copy with these entries, in their order."""
        tokenizer = copy.deepcopy(self.tokenizer)
        tokenizer.add_tokens([AddedToken(e, single_word=True, normalized=True) for e in entries])
        return tokenizer

    def is_whole(self, entry: str, backend: Tokenizer) -> bool:
        """RETURNS (bool): Whether a grown tokenizer gives one new piece for the entry."""
        ids = backend.encode(entry, add_special_tokens=False).ids
        return len(ids) == 1 and ids[0] >= self.first


class _ModelGrowth(WordPieceGrowth):
    """For kinds whose entries stand in the model's own vocabulary."""

    def pieces(self, entry: str) -> list[int]:
        return [token.id for token in self.backend.model.tokenize(entry)]

    def grown(self, entries: Sequence[str]) -> Any:
        state = json.loads(self.backend.to_str())
        self.change(state["model"], entries)
        tokenizer = copy.deepcopy(self.tokenizer)
        tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
        return tokenizer

    def is_whole(self, entry: str, backend: Tokenizer) -> bool:
        ids = [token.id for token in backend.model.tokenize(entry)]
        return len(ids) == 1 and ids[0] >= self.first

    def change(self, model: dict[str, Any], entries: Sequence[str]) -> None:
        """Add entries to the model of a tokenizer file."""
        raise NotImplementedError

    def fill(self, held: Iterable[int], known: Container[str]) -> Iterator[tuple[str, int]]:
        """Name what stands beside the model's vocabulary, so that it can go into it.

        A tokenizer that is read from its file gives tokens which the model does not hold the next
        free numbers. With new entries in front these would be others than before.

        held (Iterable[int]): The numbers that the model holds.
        known (Container[str]): The names that it holds.
        YIELDS (tuple): Name and number of each other one below the first new one.
        """
        for number in sorted(set(range(self.first)) - set(held)):
            name = self.backend.id_to_token(number) or f"<unused{number}>"
            while name in known:
                name = f"<{name}>"
            yield name, number


class ByteBPEGrowth(_ModelGrowth):
    """For byte-level BPE. An entry is a pre-token in byte letters: `Ġfever` behind a blank."""

    def is_spaced(self, before: str) -> bool:
        return before == " " or (not before and self._pre_tokens("a")[0] != "a")

    def entry(self, word: str, spaced: bool) -> str:
        # A bracket is a pre-token of its own, whatever comes before the first word of a text.
        parts = self._pre_tokens((" " if spaced else "(") + word)
        # Hyphens and combining marks cut a word into several pre-tokens: none is the word.
        return parts[-1] if len(parts) == (1 if spaced else 2) else ""

    def _pre_tokens(self, text: str) -> list[str]:
        return [part for part, _ in self.backend.pre_tokenizer.pre_tokenize_str(text)]

    def change(self, model: dict[str, Any], entries: Sequence[str]) -> None:
        vocabulary = model["vocab"]
        vocabulary |= dict(self.fill(vocabulary.values(), vocabulary))
        vocabulary |= {entry: self.first + i for i, entry in enumerate(entries)}
        # As Llama 3 does: a pre-token that is in the vocabulary is taken as it is.
        model["ignore_merges"] = True


class UnigramGrowth(_ModelGrowth):
    """For Unigram (SentencePiece). An entry is a word with `▁` for the blank before it.

    A score is a log probability. The new entry gets the sum of its pieces', so that the most
    probable way to cut a text stays, apart from these pieces being one now.
    """

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer)
        self.unknown = json.loads(self.backend.to_str())["model"]["unk_id"]

    def normalise(self, text: str) -> str:
        return super().normalise(text).replace(BLANK, " ")

    def is_spaced(self, before: str) -> bool:
        return before in ("", " ")

    def entry(self, word: str, spaced: bool) -> str:
        return BLANK + word if spaced else word

    def pieces(self, entry: str) -> list[int]:
        ids = super().pieces(entry)
        return [] if self.unknown in ids else ids

    def change(self, model: dict[str, Any], entries: Sequence[str]) -> None:
        vocabulary = model["vocab"]
        scores = [score for _, score in vocabulary]
        # Ids are places in this list: tokens added later, such as a mask, need theirs in it.
        known = {name for name, _ in vocabulary}
        vocabulary += [[name, 0.0] for name, _ in self.fill(range(len(scores)), known)]
        for entry in entries:
            score = sum(scores[piece] for piece in self.pieces(entry))
            vocabulary.append([entry, score + MARGIN])


def growth_of(tokenizer: Any, path: str | Path) -> WordPieceGrowth:
    """Find the way to add words to a tokenizer.

    tokenizer (PreTrainedTokenizerFast): The tokenizer.
    path (str | Path): Names it in messages.
    RETURNS (WordPieceGrowth): The way.
    RAISES (ClintlError): Its kind cannot grow.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = state["model"]["type"]
    reason = f"its vocabulary is of the kind {kind}"
    if kind == "WordPiece":
        return WordPieceGrowth(tokenizer)
    if kind == "Unigram":
        return UnigramGrowth(tokenizer)
    if kind == "BPE":
        model = state["model"]
        if '"ByteLevel"' in json.dumps(state["pre_tokenizer"]):
            if not (model.get("dropout") or model.get("end_of_word_suffix")):
                return ByteBPEGrowth(tokenizer)
            reason = "its BPE has dropout or suffixes"
        else:
            reason = "its BPE is not byte-level"
    raise ClintlError(Errors.CL440.format(path=path, reason=reason))
