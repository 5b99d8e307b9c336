"""Unicode normalisation that remembers where each character came from."""

import unicodedata

from .protocol import CharSpan

# Where a word may be broken at the end of a line: no letter, and left behind by copying from PDFs.
_SOFT_HYPHEN = "\u00ad"


class Normalised:
    """A text in Unicode's form C (NFC) without soft hyphens, with the way back to the original.

    text (str): The normalised text.
    """

    def __init__(self, original: str):
        plain = original.replace(_SOFT_HYPHEN, "")
        self.text = unicodedata.normalize("NFC", plain)
        self._starts: list[int] | None = None
        if self.text == original or not plain:
            return
        kept = [at for at, char in enumerate(original) if char != _SOFT_HYPHEN]
        self._starts, self._ends = [], []
        made = []
        for start, end in _clusters(plain):
            composed = unicodedata.normalize("NFC", plain[start:end])
            made.append(composed)
            self._starts.extend([kept[start]] * len(composed))
            self._ends.extend([kept[end - 1] + 1] * len(composed))
        self.text = "".join(made)

    def original(self, span: CharSpan) -> CharSpan:
        """Give the original's offsets of a span of the normalised text, grown to whole characters.

        span (CharSpan): Start and end in `text`; not empty.
        RETURNS (CharSpan): Start and end in the original.
        """
        if self._starts is None:
            return span
        return self._starts[span[0]], self._ends[span[1] - 1]


def _clusters(text: str) -> list[CharSpan]:
    """Cut a text where normalising the parts is normalising the whole."""
    borders = [0]
    for at in range(1, len(text)):
        char = text[at]
        if char < "\u0300":
            borders.append(at)
        elif not unicodedata.combining(char):
            # Vowels and final consonants of Korean compose, though they are no combining marks.
            before = text[borders[-1] : at]
            parts = unicodedata.normalize("NFC", before) + unicodedata.normalize("NFC", char)
            if unicodedata.normalize("NFC", before + char) == parts:
                borders.append(at)
    return list(zip(borders, [*borders[1:], len(text)]))
