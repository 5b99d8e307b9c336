"""Masking of whole words: all pieces of a word are predicted together, or none of them.

A word that is cut into pieces is easy to guess from the pieces left visible. Cui et al. 2021
("Pre-training with whole word masking for Chinese BERT", section 3.1).

Where words begin is read off the vocabulary and not kept beside the text, so that nothing but
the seed and a block's position decides on its masks. transformers' own collator for whole words
knows the marks of WordPiece alone and is not used.
"""

import unicodedata
from typing import Any

import numpy as np

from ..errors import ClintlError, Errors
from .masked_lm import MaskingCollator

# A string of that many pieces is no word: a code, or a script whose borders the vocabulary hides.
MAX_WORD_PIECES = 16
# Scripts that set no spaces between words: each piece counts as a word, as in BERT's tokenizer.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
NOTHING, WORD, SIGN = 0, 1, 2


class WholeWordCollator(MaskingCollator):
    """Batches blocks and masks whole words, each with the probability `mlm_probability`.

    The expected share of masked pieces is the same as with single pieces. What becomes of a chosen
    piece (mask, random piece, itself) is drawn for each piece, as in BERT's own code.

    tokenizer (PreTrainedTokenizerFast): Has a mask token.
    mlm_probability (float): Share of the words to predict.
    seed (int): Decides on the masks.
    """

    def __init__(self, tokenizer: Any, *, mlm_probability: float, seed: int = 0) -> None:
        super().__init__(tokenizer, mlm_probability=mlm_probability, seed=seed)
        self.borders = WordBorders(tokenizer)

    def choose(self, ids: np.ndarray, special: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Let the draw for a word's first piece decide on all of them."""
        words = self.borders.number_words(ids, special)
        _, first = np.unique(words, return_index=True)
        return drawn.ravel()[first][words]


class WordBorders:
    """Tells where words begin in a run of word pieces.

    A word begins with a piece that the vocabulary marks so (no "##" in WordPiece, "Ġ" in byte-level
    BPE, "▁" in SentencePiece), and where letters or digits meet other signs, as in BERT's
    tokenizer, so that a full stop is not a part of the word before it.

    tokenizer (PreTrainedTokenizerFast): Its vocabulary is looked at.
    RAISES (ClintlError): When the vocabulary marks neither beginnings nor continuations of words.
    """

    def __init__(self, tokenizer: Any) -> None:
        mark, inside = _marks_of(tokenizer)
        size = max(tokenizer.get_vocab().values()) + 1
        self.starts = np.zeros(size, dtype=bool)
        self.first = np.full(size, NOTHING, dtype=np.int8)
        self.last = np.full(size, NOTHING, dtype=np.int8)
        bytes_of = _byte_letters() if mark == "Ġ" else None
        for piece, number in tokenizer.get_vocab().items():
            marked = piece.startswith(mark)
            text = piece[len(mark) :] if marked else piece
            if bytes_of is not None:
                # Fragments of a character longer than a byte count as letters: "?" would not.
                raw = bytes(bytes_of.get(letter, 65) for letter in text)
                text = raw.decode("utf-8", errors="replace").replace("\ufffd", "a")
            self.starts[number] = marked != inside or _unspaced(text)
            if text:
                self.first[number], self.last[number] = _kind(text[0]), _kind(text[-1])

    def number_words(self, ids: np.ndarray, special: np.ndarray) -> np.ndarray:
        """Number the words of blocks; special pieces get numbers of their own.

        ids (numpy.ndarray): Word pieces, shape (blocks, length).
        special (numpy.ndarray): Which are special, shape (blocks, length).
        RETURNS (numpy.ndarray): Shape (blocks, length): the word of each piece, from 0 on.
        """
        begins = self.starts[ids] | special
        before, after = self.last[ids[:, :-1]], self.first[ids[:, 1:]]
        begins[:, 1:] |= special[:, :-1] | ((before != after) & (before * after != NOTHING))
        begins[:, 0] = True
        flat = begins.ravel()
        places = np.arange(len(flat))
        since = places - np.maximum.accumulate(np.where(flat, places, 0))
        return (np.cumsum(flat | (since % MAX_WORD_PIECES == 0)) - 1).reshape(ids.shape)


def _marks_of(tokenizer: Any) -> tuple[str, bool]:
    """RETURNS (tuple): The mark, and whether it stands inside of words and not at their start."""
    pieces = list(tokenizer.get_vocab())
    for mark, inside in (("##", True), ("▁", False), ("Ġ", False)):
        # A few pieces may hold a mark as a sign of the text.
        if sum(piece.startswith(mark) and piece != mark for piece in pieces) >= len(pieces) / 50:
            return mark, inside
    raise ClintlError(Errors.CL450)


def _kind(letter: str) -> int:
    if unicodedata.category(letter)[0] in "LNM":
        return WORD
    return NOTHING if letter.isspace() else SIGN


def _unspaced(text: str) -> bool:
    return bool(text) and unicodedata.name(text[0], "").startswith(UNSPACED)


def _byte_letters() -> dict[str, int]:
    """RETURNS (dict): The byte for each letter of byte-level BPE (Radford et al. 2019)."""
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    return {letter: byte for byte, letter in bytes_to_unicode().items()}
