"""Decoding for rare labels: logits less what the labels' frequencies in training explain.

A tagger that minimises its errors gives a rare label only where it is surer than it need be for a
frequent one, which costs macro-F1. Logit adjustment after training (Menon et al. 2021, section
4.1) takes it back: each logit loses `strength` times the log of the share of tokens that its label
has in training. The best strength for balanced accuracy is 1; for macro-F1 it is less.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from spacy.training import Example

from ..models.iob import MISSING, n_tags

# What tokens outside all entities are counted as.
OUTSIDE = ""


def count_tokens(
    examples: Iterable[Example],
    labels: Sequence[str],
    gold: Callable[[Example, Sequence[str]], np.ndarray],
) -> dict[str, int]:
    """Count the annotated tokens of each label.

    examples (Iterable[Example]): The training examples.
    labels (Sequence[str]): The entity labels.
    gold (Callable): Gives an example's tag numbers, as `models.iob.gold_tags` does.
    RETURNS (dict[str, int]): The counts by label, "" for tokens outside all entities.
    """
    counts = np.zeros(n_tags(len(labels)), dtype="int64")
    for example in examples:
        tags = gold(example, labels)
        counts += np.bincount(tags[tags != MISSING], minlength=len(counts))
    pairs = counts[1:].reshape(-1, 2).sum(axis=1)
    return {OUTSIDE: int(counts[0]), **{label: int(n) for label, n in zip(labels, pairs)}}


def tag_corrections(
    counts: Mapping[str, int], labels: Sequence[str], strength: float
) -> np.ndarray:
    """Work out what is added to the logits. B and I of a label get the same.

    counts (Mapping[str, int]): What `count_tokens` gave. A label with 0 is treated as one with a
        single token. One without a count joined later, and gets no correction.
    labels (Sequence[str]): The entity labels in the order of the tags.
    strength (float): 0 is no correction.
    RETURNS (ndarray): One number a tag, 0 for the most frequent; float32, shape (tags,).
    """
    largest = max(counts.values(), default=1)
    sizes = np.maximum([counts.get(name, largest) for name in (OUTSIDE, *labels)], 1)
    by_label = strength * np.log(sizes.max() / sizes)
    return np.repeat(by_label, 2)[1:].astype("float32")
