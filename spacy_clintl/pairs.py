"""A pair of texts as one text: how a Doc of two sides is made, and how they are found again.

Both sides stand in the text, divided by one character, U+2029 (paragraph separator). It is white
space, so that each side is tokenized as it would be alone, and a pipeline is called on a pair as on
any text: `nlp(join_pair(premise, hypothesis))`. No other mark is needed, since what a Doc carries
beside its text is lost on the way to a prediction.
"""

import numpy as np
from spacy.attrs import IDX
from spacy.tokens import Doc, Span

SEPARATOR = "\u2029"


def join_pair(first: str, second: str) -> str:
    """Make one text of two.

    first (str): The first side, such as a premise.
    second (str): The second side, such as a hypothesis.
    RETURNS (str): The text that `split_pair` and `pair_spans` take apart again.
    RAISES (ValueError): A side holds the character that divides pairs.
    """
    if SEPARATOR in first or SEPARATOR in second:
        raise ValueError("a side holds U+2029, the character that divides pairs")
    return f"{first}{SEPARATOR}{second}"


def split_pair(text: str) -> tuple[str, str] | None:
    """Return the two sides of a text, or None if it is no pair."""
    sides = text.split(SEPARATOR)
    return (sides[0], sides[1]) if len(sides) == 2 else None


def pair_spans(doc: Doc) -> tuple[Span, Span] | None:
    """Return the two sides of a Doc, without the token that divides them, or None if it is no pair.

    doc (Doc): A document.
    RETURNS (tuple[Span, Span] | None): The sides; one may be empty.
    """
    sides = split_pair(doc.text)
    if sides is None:
        return None
    at = int(np.searchsorted(doc.to_array(IDX), len(sides[0]), side="right")) - 1
    return doc[:at], doc[at + 1 :]


def has_both_sides(doc: Doc) -> bool:
    """Say whether a Doc is a pair of which each side holds more than white space."""
    sides = split_pair(doc.text)
    return sides is not None and all(side.strip() for side in sides)
